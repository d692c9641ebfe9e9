// The debug menu: turns categories of debug lines on and off, for the current session only.
import { type ErrnoName, SwitchError } from '../../protocol/errors.ts';
import { type Menu, printing } from '../command.ts';
import type { Category } from '../events.ts';
import { octal } from '../format.ts';
import { highest } from '../level.ts';
import type { Subscriptions } from '../subscriptions.ts';

const HEADING = [row('CATEGORY', 'TAG', 'STATUS', 'HELP'), row('------------', '---', '------', '----')];

export const debugMenu: Menu = {
  name: 'debug',
  title: 'DEBUG MENU',
  commands: [
    printing({
      path: 'debug/list',
      syntax: '',
      help: 'show the debug categories, and whether they are on in this session',
      level: 'look',
      heading: HEADING,
      *print(argument, { subscriptions }, { subscriber }) {
        for (const category of find(subscriptions, argument, 'ENOENT')) {
          const { name, tag, help } = category;
          yield { category: name, tag: octal(tag), on: subscriber?.categories.has(category) === true, help };
        }
      },
      format: ({ category, tag, on, help }) => row(category, tag, on ? 'ON' : 'OFF', help),
    }),
    {
      path: 'debug/add',
      syntax: 'dbgpath',
      help: 'turn on the debug categories that begin with dbgpath, or all',
      level: 'see',
      levelOf: (argument, { subscriptions }) =>
        highest(matching(subscriptions, argument).map(({ level = 'look' }) => level)),
      run(argument, { subscriptions }, { subscriber }) {
        const found = find(subscriptions, argument, 'EINVAL');
        if (subscriber && subscriptions.turnOn(subscriber, found).length === 0)
          throw new SwitchError('EEXIST', 'the debug categories are already on');
      },
    },
    {
      path: 'debug/del',
      syntax: 'dbgpath',
      help: 'turn off the debug categories that begin with dbgpath, or all',
      level: 'look',
      run(argument, { subscriptions }, { subscriber }) {
        const found = find(subscriptions, argument, 'EINVAL');
        if (subscriber && subscriptions.turnOff(subscriber, found).length === 0)
          throw new SwitchError('ENOENT', 'the debug categories are not on');
      },
    },
  ],
};

function find(subscriptions: Subscriptions, prefix: string, code: ErrnoName): Category[] {
  const found = matching(subscriptions, prefix);
  if (found.length > 0) return found;
  throw new SwitchError(code, `no debug category begins with '${prefix}'`);
}

function matching(subscriptions: Subscriptions, prefix: string): Category[] {
  return subscriptions.categories.filter(({ name }) => name.startsWith(prefix));
}

function row(name: string, tag: string, status: string, help: string): string {
  return `${name.padEnd(22)} ${tag} ${status.padEnd(6)} ${help}`;
}
