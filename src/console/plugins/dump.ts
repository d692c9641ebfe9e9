// The dump plugin: shows every frame as a debug line in hex. A session gets these lines only after debug/add dump.
import type { CapturedFrame } from '../../switch/capture.ts';
import type { ConsoleContext, Menu } from '../command.ts';
import type { Category } from '../events.ts';
import { pad } from '../format.ts';
import { parseNumber } from '../parse.ts';
import type { Plugin } from '../plugin.ts';

const CATEGORIES = [
  { name: 'dump/packetin', tag: 0o101, help: 'a frame was received from a port', level: 'see' },
  { name: 'dump/packetout', tag: 0o102, help: 'a frame was sent to a port', level: 'see' },
] as const satisfies Category[];

export const dump: Plugin = {
  name: 'dump',
  help: 'show frames as debug lines',
  load({ switch: sw, subscriptions }) {
    let stop: (() => void) | undefined;
    const setActive = (active: boolean) => {
      if (active) stop ??= sw.capture.start((frame) => publish(frame, subscriptions));
      else {
        stop?.();
        stop = undefined;
      }
    };
    return { menu: menu(setActive), categories: CATEGORIES, unload: () => setActive(false) };
  },
};

function publish({ direction, port, bytes }: CapturedFrame, subscriptions: ConsoleContext['subscriptions']): void {
  const name = direction === 'received' ? 'dump/packetin' : 'dump/packetout';
  const hex = bytes.toString('hex').replace(/../g, '$& ');
  subscriptions.publish(name, `Pkt: Port ${pad(port)} len=${pad(bytes.length)} ${hex}`);
}

function menu(setActive: (active: boolean) => void): Menu {
  return {
    name: 'dump',
    title: 'FRAMES AS DEBUG LINES',
    commands: [
      {
        path: 'dump/active',
        syntax: '0/1',
        help: '1: show frames in sessions that gave debug/add dump; 0: stop',
        level: 'see',
        run(argument) {
          setActive(parseNumber(argument) !== 0);
        },
      },
    ],
  };
}
