// Creates the console context of a switch. `menus` is a getter, since plugins that are loaded later add menus.
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
