// Creates the console context of a switch. `menus` is a getter, since plugins that are loaded later add menus.
import type { ConsoleContext } from './command.ts';
import { DEFAULT_LEVEL } from './level.ts';
import { menus } from './menus.ts';
import { Plugins } from './plugins.ts';
import { Subscriptions } from './subscriptions.ts';

type Given = Omit<ConsoleContext, 'menus' | 'subscriptions' | 'plugins' | 'level'> &
  Partial<Pick<ConsoleContext, 'level'>>;

export function createContext(given: Given): ConsoleContext {
  const plugins = new Plugins();
  return {
    level: DEFAULT_LEVEL,
    ...given,
    subscriptions: new Subscriptions(given.switch),
    plugins,
    get menus() {
      return [...menus, ...plugins.menus];
    },
  };
}
