// Every menu, in the order of `help`. To add one: a file in commands/ and its line here.
import type { Command, Menu } from './command.ts';
import { consoleMenu } from './commands/console.ts';
import { countersMenu } from './commands/counters.ts';
import { debugMenu } from './commands/debug.ts';
import { dsMenu } from './commands/ds.ts';
import { hashMenu } from './commands/hash.ts';
import { portMenu } from './commands/port.ts';
import { vlanMenu } from './commands/vlan.ts';

export const menus: readonly Menu[] = [dsMenu, consoleMenu, debugMenu, hashMenu, portMenu, vlanMenu, countersMenu];

export function findCommand(path: string): Command | undefined {
  for (const { commands } of menus) {
    const found = commands.find((command) => command.path === path);
    if (found) return found;
  }
  return undefined;
}
