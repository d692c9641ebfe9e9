// What a console plugin is: a menu and event categories that can be added while the switch runs.
import type { ConsoleContext, Menu } from './command.ts';
import type { Category } from './events.ts';

export interface Plugin {
  name: string;
  help: string;
  load(context: ConsoleContext): LoadedPlugin;
}

export interface LoadedPlugin {
  menu: Menu;
  categories: readonly Category[];
  /** Idempotent. */
  unload(): void;
  /** Called at SIGHUP: continues in a new file of the same name. */
  reopen?(): void;
}
