// An address that moves and one that flaps: the lines of the log, and the ports that get the frames.
import { expect, test } from 'vitest';
import { BROADCAST, frame, network } from '../support/network.ts';
import { until } from '../support/wait.ts';

const MOVING = '02:00:00:00:00:01';

test('a move is logged once, and an address that flaps is logged as such and keeps its port', async () => {
  const { sw, log, join } = await network();
  sw.macs.setTimes({ minPersistenceSeconds: 1000 });
  const plugs = [await join({ port: 1 }), await join({ port: 2 })] as const;
  let mark = 0;
  const send = async (port: 1 | 2) => {
    const [from, to] = port === 1 ? plugs : plugs.toReversed();
    const sent = frame(BROADCAST, MOVING, 60, ++mark);
    from!.send(sent);
    await to!.receives(sent);
  };
  const home = () => sw.macs.entries().map(({ port }) => port);
  for (const port of [1, 2, 2, 2] as const) await send(port);
  expect(home()).toEqual([2]);
  const lines = () => log.filter((line) => line.includes(MOVING));
  await until(() => lines().length > 0, 'the line of the move');
  expect(lines()).toEqual([`MAC ${MOVING} moved from port 1 to port 2`]);

  for (let i = 0; i < 10; i++) for (const port of [1, 2] as const) await send(port);
  expect(home()).toEqual([1]);
  expect(sw.macs.stats().moves).toBe(4n);
  await until(() => lines().some((line) => line.includes('flaps')), 'the line of the flapping');
  const flaps = lines().filter((line) => line.includes('flaps'));
  expect(flaps).toEqual([
    expect.stringMatching(
      /^MAC 02:00:00:00:00:01 flaps between port 1 and port 2: it stays on port 1 for (1000|\d{3}) s$/,
    ),
  ]);
});
