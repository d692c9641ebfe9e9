// The capture menu: captures to pcapng files and to tsvdectl. vde_switch has no such menu.
import { SwitchError } from '../../protocol/errors.ts';
import type { CaptureInfo, CaptureOptions, Direction } from '../../switch/captures.ts';
import type { Switch } from '../../switch/switch.ts';
import { type Menu, printing } from '../command.ts';
import { parsePairs } from '../pairs.ts';
import { parseNumber, parsePorts } from '../parse.ts';
import { failureOf, printable, result } from '../reply.ts';

const KEYS = { port: true, direction: true, snaplen: true, drops: true, count: true, filter: true } as const;
const FILE_KEYS = { ...KEYS, file: true } as const;

export const captureMenu: Menu = {
  name: 'capture',
  title: 'CAPTURE MENU',
  commands: [
    {
      path: 'capture/add',
      syntax: 'NAME file=PATH',
      help: 'write frames to a pcapng file; port=1,2 direction=rx|tx snaplen=N count=N drops=on, last filter=EXPRESSION',
      level: 'full',
      declares: true,
      async run(argument, { switch: sw, log }, { explained }) {
        await addCapture(argument, sw).catch((error: SwitchError) => {
          // A text reply then has only the errno. EEXIST is not logged: each reload of the rc file causes it.
          if (!explained && error.code !== 'EEXIST') log(`capture/add: ${error.message}`, 'warning');
          throw error;
        });
      },
    },
    {
      path: 'capture/remove',
      syntax: 'NAME',
      help: 'end a capture and complete its file',
      level: 'see',
      run: (argument, { switch: sw }) => sw.captures.remove(argument),
    },
    printing({
      path: 'capture/print',
      syntax: '[NAME]',
      help: 'show the captures, and how many frames each has captured and lost',
      level: 'look',
      *print(argument, { switch: sw }) {
        const found = sw.captures.list().filter(({ name }) => argument === '' || name === argument);
        if (argument !== '' && found.length === 0) throw new SwitchError('ENOENT', `there is no capture '${argument}'`);
        yield* found;
      },
      format: describeCapture,
    }),
    {
      path: 'capture/stream',
      syntax: '[KEY=VALUE]',
      help: 'used by tsvdectl capture: read no more commands, and send frames as pcapng instead',
      level: 'see',
      async answer(argument, { switch: sw }, { giveAway }) {
        const error = await failureOf(async () => {
          if (!giveAway) throw new SwitchError('EINVAL', 'only tsvdectl capture can use capture/stream');
          const prepared = await sw.captures.prepare(optionsOf(parsePairs(argument, KEYS, 'filter'), sw));
          giveAway((fd) => sw.captures.stream(prepared, fd));
        });
        return error ? result(error) : { data: null, text: '', last: true };
      },
    },
  ],
};

async function addCapture(argument: string, sw: Switch): Promise<void> {
  const [, name = '', pairs = ''] = /^(\S*)\s*(.*)$/s.exec(argument)!;
  const values = parsePairs(pairs, FILE_KEYS, 'filter');
  await sw.captures.add(name, { ...optionsOf(values, sw), file: values.file ?? '' });
}

function optionsOf(values: Record<string, string>, sw: Switch): CaptureOptions {
  const { port, direction, snaplen, drops, count, filter } = values;
  return {
    ...(port !== undefined && { ports: parsePorts(port, sw) }),
    ...(direction !== undefined && { direction: direction as Direction }), // checked by Captures
    ...(snaplen !== undefined && { snapLength: parseNumber(snaplen) }),
    ...(drops !== undefined && { drops: parseSwitch('drops', drops) }),
    ...(count !== undefined && { count: parseNumber(count) }),
    ...(filter !== undefined && { filter }),
  };
}

function parseSwitch(key: string, value: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on';
  throw new SwitchError('EINVAL', `${key}=${value}: it is on or off`);
}

function describeCapture(capture: CaptureInfo): string {
  const { name, state, frames, bytes, lost, error, file, ports, direction, snapLength, drops, count, filter } = capture;
  return [
    `${name} ${state} frames=${frames} bytes=${bytes} lost=${lost}`,
    ...(error === undefined ? [] : [`error='${error}'`]),
    ...(file === undefined ? [] : [`file=${printable(file)}`]),
    ...(ports === undefined ? [] : [`port=${ports.join(',')}`]),
    `direction=${direction} snaplen=${snapLength} count=${count}`,
    ...(drops ? ['drops=on'] : []),
    ...(filter === undefined ? [] : [`filter=${printable(filter)}`]),
  ].join(' ');
}
