// Builds the context of one switch's console. `menus` is a getter, since loaded plugins add theirs.
import type { ConsoleContext } from './command.ts';
import { menus } from './menus.ts';
import { Plugins } from './plugins.ts';
import { Subscriptions } from './subscriptions.ts';

export function createContext(given: Omit<ConsoleContext, 'menus' | 'subscriptions' | 'plugins'>): ConsoleContext {
  const plugins = new Plugins();
  return {
    ...given,
    subscriptions: new Subscriptions(given.switch),
    plugins,
    get menus() {
      return [...menus, ...plugins.menus];
    },
  };
}
