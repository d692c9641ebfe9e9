// The mirror menu: copies of frames to ports. vde_switch has no such menu.
import { SwitchError } from '../../protocol/errors.ts';
import type { MirrorInfo, MirrorOptions } from '../../switch/mirrors.ts';
import type { Switch } from '../../switch/switch.ts';
import type { Direction } from '../../system/engine.ts';
import { type Menu, printing } from '../command.ts';
import { parsePairs } from '../pairs.ts';
import { parseNumber, parsePort, parsePorts } from '../parse.ts';

const KEYS = { from: true, vlan: true, direction: true, to: true } as const;

export const mirrorMenu: Menu = {
  name: 'mirror',
  title: 'MIRROR MENU',
  commands: [
    {
      path: 'mirror/add',
      syntax: 'NAME to=PORT',
      help: 'copy frames to a port; from=1,2 or vlan=N, direction=rx|tx',
      level: 'see',
      declares: true,
      run(argument, { switch: sw }) {
        const [, name = '', pairs = ''] = /^(\S*)\s*(.*)$/s.exec(argument)!;
        sw.mirrors.add(name, optionsOf(parsePairs(pairs, KEYS), sw));
      },
    },
    {
      path: 'mirror/remove',
      syntax: 'NAME',
      help: 'end a mirror',
      level: 'see',
      run: (argument, { switch: sw }) => sw.mirrors.remove(argument),
    },
    printing({
      path: 'mirror/print',
      syntax: '[NAME]',
      help: 'show the mirrors, and how many frames each has copied',
      level: 'look',
      *print(argument, { switch: sw }) {
        const found = sw.mirrors.list().filter(({ name }) => argument === '' || name === argument);
        if (argument !== '' && found.length === 0) throw new SwitchError('ENOENT', `there is no mirror '${argument}'`);
        yield* found;
      },
      format: describeMirror,
    }),
  ],
};

function optionsOf(values: Partial<Record<keyof typeof KEYS, string>>, sw: Switch): MirrorOptions {
  const { from, vlan, direction, to } = values;
  if (to === undefined) throw new SwitchError('EINVAL', 'a mirror needs the port that it copies to: to=PORT');
  return {
    ...(from !== undefined && { from: parsePorts(from, sw) }),
    ...(vlan !== undefined && { vlan: parseNumber(vlan) }),
    ...(direction !== undefined && { direction: direction as Direction }), // checked by Mirrors
    to: parsePort(to, sw),
  };
}

function describeMirror({ name, from, vlan, direction, to, frames }: MirrorInfo): string {
  const source = from === undefined ? `vlan=${vlan}` : `from=${from.join(',')}`;
  return `${name} ${source} direction=${direction} to=${to} frames=${frames}`;
}
