// All built-in menus, in the order of `help`. To add a menu, add a file in commands/ and its line here.
import type { Menu } from './command.ts';
import { captureMenu } from './commands/capture.ts';
import { consoleMenu } from './commands/console.ts';
import { countersMenu } from './commands/counters.ts';
import { debugMenu } from './commands/debug.ts';
import { dsMenu } from './commands/ds.ts';
import { eventsMenu } from './commands/events.ts';
import { fstpMenu } from './commands/fstp.ts';
import { hashMenu } from './commands/hash.ts';
import { mirrorMenu } from './commands/mirror.ts';
import { pluginMenu } from './commands/plugin.ts';
import { portMenu } from './commands/port.ts';
import { userMenu } from './commands/user.ts';
import { vlanMenu } from './commands/vlan.ts';

export const menus: readonly Menu[] = [
  dsMenu,
  consoleMenu,
  debugMenu,
  pluginMenu,
  hashMenu,
  fstpMenu,
  portMenu,
  vlanMenu,
  countersMenu,
  userMenu,
  captureMenu,
  mirrorMenu,
  eventsMenu,
];
