// The plugins that vde2 ships, built in. As in vde_switch, they are loaded and unloaded from the console. Libraries
// compiled for vde_switch cannot be loaded, since they call functions of vde_switch.
import { basename } from 'node:path';
import { SwitchError } from '../protocol/errors.ts';
import type { ConsoleContext, Menu, PluginSet } from './command.ts';
import type { LoadedPlugin, Plugin } from './plugin.ts';
import { dump } from './plugins/dump.ts';
import { iplog } from './plugins/iplog.ts';
import { pdump } from './plugins/pdump.ts';

const BUILT_IN: readonly Plugin[] = [dump, pdump, iplog];

export class Plugins implements PluginSet {
  readonly #loaded = new Map<Plugin, LoadedPlugin>();

  get menus(): readonly Menu[] {
    return [...this.#loaded.values()].map(({ menu }) => menu);
  }

  list(prefix: string): readonly Plugin[] {
    return [...this.#loaded.keys()].filter(({ name }) => name.startsWith(prefix));
  }

  available(prefix: string): readonly Plugin[] {
    return BUILT_IN.filter(({ name }) => name.startsWith(prefix));
  }

  add(library: string, context: ConsoleContext): void {
    const plugin = BUILT_IN.find(({ name }) => name === basename(library, '.so'));
    if (!plugin) {
      context.log(
        `plugin '${library}': plugins compiled for vde_switch cannot be loaded; the built-in plugins are ${names()}`,
      );
      throw new SwitchError('EINVAL', `there is no plugin '${library}'`);
    }
    if (this.#loaded.has(plugin)) throw new SwitchError('EEXIST', `plugin ${plugin.name} is already loaded`);
    const loaded = plugin.load(context);
    for (const category of loaded.categories) context.subscriptions.addCategory(category);
    this.#loaded.set(plugin, loaded);
  }

  remove(prefix: string, context: ConsoleContext): void {
    const [plugin] = this.list(prefix);
    if (!plugin) throw new SwitchError('ENOENT', `no loaded plugin has a name that begins with '${prefix}'`);
    const { unload, categories } = this.#loaded.get(plugin)!;
    unload();
    for (const category of categories) context.subscriptions.removeCategory(category);
    this.#loaded.delete(plugin);
  }

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
