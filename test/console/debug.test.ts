// The debug lines of one session do not depend on the other sessions.
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { type ConsoleClient, serveConsole } from '../support/console.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { until } from '../support/wait.ts';

test.each([
  ['turns its debug lines off', async (first: ConsoleClient) => void (await first.ask('debug/del hash'))],
  [
    'ends',
    async (first: ConsoleClient) => {
      first.socket.write('logout\n');
      await once(first.socket, 'close');
    },
  ],
])('a session that %s leaves the debug lines of other sessions on', async (_, stop) => {
  const net = await network();
  const { connect } = await serveConsole(net);
  const [first, second, third] = [await connect(), await connect(), await connect()];
  const plug = await net.join();
  for (const client of [first, second]) await client.ask('debug/add hash');
  plug.send(frame(BROADCAST, '02:00:00:00:00:01'));
  for (const client of [first, second]) await until(() => client.take().includes('3011 hash/+ '), 'the first address');
  await stop(first);
  first.take();
  plug.send(frame(BROADCAST, '02:00:00:00:00:02'));
  await until(() => second.take().includes('3011 hash/+ '), 'the second address');
  expect(await third.ask('port/create 9')).toBe('1000 Success\n');
  if (!first.ended) expect(await first.ask('port/remove 9')).toBe('1000 Success\n');
  await second.ask('debug/del hash');
  const learned: string[] = [];
  net.sw.on('event', ({ type }) => learned.push(type));
  plug.send(frame(BROADCAST, '02:00:00:00:00:03'));
  await until(() => net.sw.macs.entries().length === 3, 'the third address');
  expect(learned).toEqual([]);
});
