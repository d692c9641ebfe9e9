// The plugins that vde2 ships, built in: loaded and unloaded from the console, as there. Libraries made for vde_switch cannot
// be loaded: they call into its own code.
import { basename } from 'node:path';
import { SwitchError } from '../protocol/errors.ts';
import type { ConsoleContext, Menu } from './command.ts';
import type { Category } from './events.ts';
import { dump } from './plugins/dump.ts';
import { iplog } from './plugins/iplog.ts';
import { pdump } from './plugins/pdump.ts';

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
  /** For SIGHUP: goes on in a new file by the same name. */
  reopen?(): void;
}

const BUILT_IN: readonly Plugin[] = [dump, pdump, iplog];

export class Plugins {
  readonly #loaded = new Map<Plugin, LoadedPlugin>();

  /** In the order of loading. */
  get menus(): readonly Menu[] {
    return [...this.#loaded.values()].map(({ menu }) => menu);
  }

  list(prefix: string): readonly Plugin[] {
    return [...this.#loaded.keys()].filter(({ name }) => name.startsWith(prefix));
  }

  /** By its name, or as the file that vde2 has it in. EEXIST; EINVAL for any other library. */
  add(library: string, context: ConsoleContext): void {
    const plugin = BUILT_IN.find(({ name }) => name === basename(library, '.so'));
    if (!plugin) {
      context.log(`plugin '${library}': plugins compiled for vde_switch cannot be loaded; built in are ${names()}`);
      throw new SwitchError('EINVAL', `there is no plugin '${library}'`);
    }
    if (this.#loaded.has(plugin)) throw new SwitchError('EEXIST', `${plugin.name} is loaded already`);
    const loaded = plugin.load(context);
    for (const category of loaded.categories) context.subscriptions.addCategory(category);
    this.#loaded.set(plugin, loaded);
  }

  /** The first whose name begins so. ENOENT. */
  remove(prefix: string, context: ConsoleContext): void {
    const [plugin] = this.list(prefix);
    if (!plugin) throw new SwitchError('ENOENT', `no plugin is loaded whose name begins with '${prefix}'`);
    const { unload, categories } = this.#loaded.get(plugin)!;
    unload();
    for (const category of categories) context.subscriptions.removeCategory(category);
    this.#loaded.delete(plugin);
  }

  /** What writes to files opens them again: those may have been moved away. */
  reopen(): void {
    for (const { reopen } of this.#loaded.values()) reopen?.();
  }

  close(): void {
    for (const { unload } of this.#loaded.values()) unload();
  }
}

function names(): string {
  return BUILT_IN.map(({ name }) => name).join(', ');
}
