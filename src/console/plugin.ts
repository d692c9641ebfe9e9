// The type of a console plugin: a menu and debug categories that can be added to the console while the switch runs.
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
  /** Stops the plugin and closes its files; idempotent. */
  unload(): void;
  /** Called on SIGHUP: closes the plugin's file, which may have been rotated, and opens it again by name. */
  reopen?(): void;
}
