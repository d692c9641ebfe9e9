import { expect, test, vi } from 'vitest';
import type { FeedEvent } from '../../src/index.ts';
import { EventFeed } from '../../src/switch/event-feed.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { StreamServer } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const FIRST = '02:00:00:00:00:01';

/** Starts to collect the events of a switch, without their numbers and times. */
function collect(sw: Awaited<ReturnType<typeof network>>['sw']) {
  const all: FeedEvent[] = [];
  const stop = sw.events.listen((event) => all.push(event));
  const plain = () => all.map(({ sequence, time, ...event }) => event);
  return { all, stop, plain, find: (type: string) => plain().find((event) => event.type === type) };
}

test('clients that join, their names and their end are events, with numbers and times', async () => {
  const { sw, join } = await network();
  const { all, plain } = collect(sw);
  const before = Date.now();
  const guest = await join({ port: 3, description: 'name=web a guest' });
  guest.plug.close();
  await until(() => all.some(({ type }) => type === 'port-inactive'), 'the end');
  expect(plain()).toEqual([
    { type: 'port-created', port: 3 },
    { type: 'port-named', port: 3, name: 'web' },
    { type: 'endpoint-added', port: 3, name: 'web', endpoint: 1, kind: 'vde', description: 'name=web a guest' },
    { type: 'port-named', port: 3, name: undefined },
    { type: 'endpoint-removed', port: 3, endpoint: 1, kind: 'vde', description: 'name=web a guest' },
    { type: 'port-inactive', port: 3 },
  ]);
  expect(all.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
  for (const { time } of all) expect(time).toBeGreaterThanOrEqual(before);
  expect(sw.events.sequence).toBe(6);
});

test('a name that another port takes changes the names of both', async () => {
  const { sw, join } = await network();
  await join({ port: 1, description: 'name=web' });
  sw.ports.create(2);
  const { plain } = collect(sw);
  sw.ports.setName(2, 'web');
  expect(plain()).toEqual([
    { type: 'port-named', port: 1, name: 'web-1' },
    { type: 'port-named', port: 2, name: 'web' },
  ]);
});

test('addresses are learned, move, age out and are forgotten', async () => {
  const { sw, join } = await network();
  sw.macs.setTimes({ expireSeconds: 1, gcIntervalSeconds: 1 });
  const [one, two] = [await join({ port: 1 }), await join({ port: 2 })];
  const { plain, find } = collect(sw);
  one.send(frame(BROADCAST, FIRST));
  await until(() => find('mac-added'), 'the address to be learned');
  two.send(frame(BROADCAST, FIRST));
  await until(() => find('mac-moved'), 'the address to move');
  await until(() => {
    one.send(frame(BROADCAST, '02:00:00:00:00:02'));
    return find('mac-removed');
  }, 'the address to age out');
  sw.macs.flush({ port: 1 });
  const mac = { mac: FIRST, vlan: 0 };
  await until(() => plain().filter(({ type }) => type === 'mac-removed').length === 2, 'the other one to be forgotten');
  expect(plain()).toEqual([
    { type: 'mac-added', ...mac, port: 1 },
    { type: 'mac-moved', ...mac, port: 2, from: 1 },
    { type: 'mac-added', mac: '02:00:00:00:00:02', vlan: 0, port: 1 },
    { type: 'mac-removed', ...mac, port: 2, reason: 'aged-out' },
    { type: 'mac-removed', mac: '02:00:00:00:00:02', vlan: 0, port: 1, reason: 'forgotten' },
  ]);
});

test('VLANs and their ports are events', async () => {
  const { sw } = await network();
  sw.ports.create(1);
  const { plain } = collect(sw);
  sw.vlans.create(10);
  sw.vlans.addPort(10, 1);
  sw.vlans.setUntagged(10, 1);
  sw.vlans.setUntagged(0, 1);
  sw.vlans.remove(10);
  sw.ports.remove(1);
  expect(plain().filter(({ type }) => type !== 'spanning-tree')).toEqual([
    { type: 'vlan-created', vlan: 10 },
    { type: 'port-vlans', port: 1, untaggedVlan: 0, vlans: [0, 10] },
    { type: 'port-vlans', port: 1, untaggedVlan: 10, vlans: [10] },
    { type: 'port-vlans', port: 1, untaggedVlan: 0, vlans: [0] },
    { type: 'vlan-removed', vlan: 10 },
    { type: 'port-removed', port: 1 },
  ]);
});

test('drops begin and end, by port, direction and reason', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const { sw, join } = await network();
    const guest = await join({ port: 1 });
    const drop = async () => {
      const before = sw.counters()[0]!.receiveDrops.too_short!;
      guest.send(Buffer.alloc(10));
      await until(() => sw.counters()[0]!.receiveDrops.too_short! > before, 'the drop');
    };
    await drop(); // before anybody listens
    const { plain } = collect(sw);
    vi.advanceTimersByTime(1000);
    await drop();
    await drop();
    vi.advanceTimersByTime(1000);
    await drop();
    vi.advanceTimersByTime(1000);
    const about = { port: 1, direction: 'rx', reason: 'too_short' };
    expect(plain()).toEqual([{ type: 'drops-started', ...about, frames: 2 }]);
    vi.advanceTimersByTime(2000);
    expect(plain()).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(plain().slice(1)).toEqual([{ type: 'drops-ended', ...about, frames: 3 }]);
    await drop();
    vi.advanceTimersByTime(1000);
    sw.resetCounters();
    vi.advanceTimersByTime(1000);
    expect(plain().slice(2)).toEqual([
      { type: 'drops-started', ...about, frames: 1 },
      { type: 'drops-ended', ...about, frames: 1 },
    ]);
  } finally {
    vi.useRealTimers();
  }
});

test('an attachment that loses its connection says so, and is seen to connect again', async () => {
  const { sw } = await network();
  const path = `${temporaryDirectory()}/peer`;
  const { find, plain } = collect(sw);
  const server = await StreamServer.listen({ path });
  await sw.attach(`stream,id=up,addr.type=unix,addr.path=${path},reconnect-ms=50`);
  (await server.peer()).socket.destroy();
  await until(() => plain().filter(({ type }) => type === 'endpoint-added').length === 2, 'the second connection');
  expect(find('attachment-opened')).toEqual({ type: 'attachment-opened', attachment: 'up', kind: 'stream' });
  expect(find('endpoint-added')).toMatchObject({ port: 1, kind: 'stream', attachment: 'up' });
  expect(find('attachment-reconnecting')).toMatchObject({
    attachment: 'up',
    reason: expect.stringMatching(/has ended/),
  });
  await sw.detach('up');
  expect(plain().at(-1)).toEqual({ type: 'attachment-closed', attachment: 'up', kind: 'stream' });
});

test('events that the engine loses are a gap in the numbers', async () => {
  const { sw, join } = await network({ macLimit: 10_000 });
  const guest = await join({ port: 1 });
  const { all, stop } = collect(sw);
  // JavaScript does not run while these frames are forwarded, so that the queue of 512 events overflows.
  const address = (i: number) => `02:00:00:00:0${i >> 8}:${(i & 255).toString(16).padStart(2, '0')}`;
  for (let i = 0; i < 1000; ) i += guest.plug.sendUnchecked([frame(BROADCAST, address(i))]);
  await until(() => all.some(({ type }) => type === 'gap'), 'the gap');
  stop();
  const gap = all.findIndex(({ type }) => type === 'gap');
  const { lost } = all[gap] as FeedEvent & { lost: number };
  expect(lost).toBeGreaterThan(0);
  expect(all[gap]!.sequence).toBe(all[gap - 1]!.sequence + lost);
  expect(all.length - 1 + lost).toBe(all.at(-1)!.sequence);
});

test('nothing is watched and no counter is read while nobody listens', () => {
  const calls: string[] = [];
  const note = <Result>(call: string, result: Result): Result => {
    calls.push(call);
    return result;
  };
  const feed = new EventFeed({
    onEvent: () => note('on', () => note('off', undefined)),
    watchMacs: () => note('watch', () => note('unwatch', undefined)),
    counters: () => note('counters', []),
    eventsLost: () => ({ notice: 0n, bpdu: 0n, mac_moved: 0n, mac: 0n, frame: 0n }),
    nameOf: () => undefined,
  });
  vi.useFakeTimers();
  try {
    const stops = [feed.listen(() => {}), feed.listen(() => {})];
    vi.advanceTimersByTime(1000);
    expect(calls.splice(0)).toEqual(['on', 'watch', 'counters', 'counters']);
    for (const stop of [...stops, ...stops]) stop();
    expect(calls.splice(0)).toEqual(['off', 'unwatch']);
    vi.advanceTimersByTime(5000);
    feed.listen(() => {});
    calls.length = 0;
    feed.close();
    vi.advanceTimersByTime(5000);
    expect(calls).toEqual(['off', 'unwatch']);
  } finally {
    vi.useRealTimers();
  }
});
