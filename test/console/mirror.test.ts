import { expect, test } from 'vitest';
import { serveConsole } from '../support/console.ts';
import { BROADCAST, frame, network } from '../support/network.ts';

const FIRST = '02:00:00:00:00:01';

async function served() {
  const net = await network();
  const client = await (await serveConsole(net)).connect();
  await client.ask('explain 1');
  return { ...net, client };
}

test('a mirror is added, copies frames, is shown and removed', async () => {
  const { sw, client, join } = await served();
  sw.ports.create(5);
  sw.ports.setName(5, 'ids');
  expect(await client.ask('mirror/add one from=1,2 direction=rx to=ids')).toBe('1000 Success\n');
  const [a, b, ids] = [await join({ port: 1 }), await join({ port: 2 }), await join({ port: 5 })];
  a.send(frame(BROADCAST, FIRST));
  await b.receives(frame(BROADCAST, FIRST));
  await ids.receives(frame(BROADCAST, FIRST));
  expect(await client.ask('mirror/print')).toContain('\none from=1,2 direction=rx to=5 frames=1\n');
  expect(JSON.parse((await client.ask('json mirror/print one')).split('\n')[1]!).data).toEqual([
    { name: 'one', from: [1, 2], direction: 'rx', to: 5, frames: 1 },
  ]);
  expect(await client.ask('port/remove 5')).toContain('1098');
  expect(await client.ask('mirror/remove one')).toBe('1000 Success\n');
  expect(sw.mirrors.list()).toEqual([]);
  ids.send(frame(BROADCAST, '02:00:00:00:00:05'));
  await a.receives(frame(BROADCAST, '02:00:00:00:00:05'));
});

test('a mirror of a VLAN is added', async () => {
  const { client, sw } = await served();
  await client.ask('vlan/create 10');
  expect(await client.ask('mirror/add ten vlan=10 to=9')).toBe('1000 Success\n');
  expect(await client.ask('mirror/print ten')).toContain('\nten vlan=10 direction=both to=9 frames=0\n');
  expect(sw.ports.get(9)).toMatchObject({ allocatable: false, mirrorTarget: true });
});

test.each([
  ['mirror/add', 'a mirror needs the port that it copies to: to=PORT'],
  ['mirror/add 1x to=3 from=1', "'1x' is not a name"],
  ['mirror/add x to=3', 'a mirror needs either the ports that it copies from, or a VLAN'],
  ['mirror/add x to=3 from=1 vlan=0', 'a mirror needs either the ports'],
  ['mirror/add x to=3 vlan=7', 'there is no VLAN 7'],
  ['mirror/add x to=3 from=1 direction=in', "'in' is not a direction"],
  ['mirror/add x to=3 from=1,3', 'port 3 cannot be mirrored to itself'],
  ['mirror/add x to=99 from=1', 'port 99 is not one of 1 to 32'],
  ['mirror/add x to=web from=1', "'web' is neither the number nor the name of a port"],
  ['mirror/add x to=3 from=1 to=4', "'to' is given twice"],
  ['mirror/add x to=3 from=1 port=4', 'port'],
  ['mirror/add x to=3 from', "'from' is not KEY=VALUE"],
  ['mirror/add x from="1,2 to=3', "the value of 'from' is not enclosed in double quotes"],
  ['mirror/add one to=4 from=1', "there is a mirror 'one' already"],
  ['mirror/add x to=4 from=8', 'port 8 is the target of a mirror: it cannot be mirrored'],
  ['mirror/add x to=7 from=1', "port 7 is mirrored by 'one': it cannot be a target"],
  ['mirror/remove x', "there is no mirror 'x'"],
  ['mirror/print x', "there is no mirror 'x'"],
])('%s is refused', async (line, sentence) => {
  const { client, sw } = await served();
  sw.mirrors.add('one', { from: [7], to: 8 });
  expect(await client.ask(line)).toContain(sentence);
  expect(sw.mirrors.list()).toHaveLength(1);
});

test('a client that asks for any port does not get the target of a mirror', async () => {
  const { sw, join } = await served();
  const first = await join();
  expect(first.plug.port).toBe(1);
  first.plug.close();
  sw.mirrors.add('one', { from: [7], to: 1 });
  expect(sw.ports.get(1)).toMatchObject({ mirrorTarget: true });
  expect((await join()).plug.port).toBe(2);
  sw.mirrors.remove('one');
  expect(sw.ports.get(1)).toMatchObject({ mirrorTarget: false });
});

test('there are at most 64 mirrors', async () => {
  const { sw } = await served();
  for (let i = 0; i < 64; i++) sw.mirrors.add(`m${i}`, { from: [1], to: 2 });
  expect(() => sw.mirrors.add('x', { from: [1], to: 2 })).toThrow('there are 64 mirrors already');
});

test('spanning tree does not know the target of a mirror', async () => {
  const { sw, join } = await served();
  sw.spanningTrees.switchOn();
  const target = await join({ port: 3 });
  const ports = () => sw.spanningTrees.view(0)!.ports.map(({ port }) => port);
  expect(ports()).toEqual([3]);
  sw.mirrors.add('one', { from: [1], to: 3 });
  expect(ports()).toEqual([]);
  await join({ port: 4 });
  target.frames.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 4500)); // one hello, every 4 s
  expect(target.frames).toEqual([]);
  sw.mirrors.remove('one');
  expect(ports()).toEqual([3, 4]);
});
