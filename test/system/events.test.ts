// The events of the engine: a flood of one kind loses no event of another kind, also while JavaScript is busy, and the
// most urgent event is delivered first.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { EngineEvent, NativeEngine } from '../../src/system/engine.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { engine } from '../support/engine.ts';
import { BROADCAST, frame } from '../support/network.ts';
import { until } from '../support/wait.ts';

const BRIDGES = '01:80:c2:00:00:00';
const address = (n: number) =>
  `02:00:00:${[n >> 16, n >> 8, n].map((b) => (b & 255).toString(16).padStart(2, '0')).join(':')}`;

/** A frame that the engine takes for a BPDU: it has a length in place of an EtherType (IEEE 802.3, 3.2.6). */
function bpdu(mark: number): Buffer {
  const bytes = frame(BRIDGES, address(1), 60, mark);
  bytes.writeUInt16BE(38, 12);
  return bytes;
}

interface Bench {
  made: NativeEngine;
  events: EngineEvent[];
  /** Attaches an endpoint to a port of its own and returns the other end, which takes one datagram per write. */
  join(kind?: 'datagram' | 'stream'): { port: number; fd: number };
  /** Waits, without returning to the event loop, until the engine has read everything that was written. */
  settle(): void;
  write(end: { port: number; fd: number }, bytes: Buffer): void;
}

function bench(onEvent: (event: EngineEvent) => void = () => undefined): Bench {
  const events: EngineEvent[] = [];
  const made = engine(
    (event) => {
      events.push(event);
      onEvent(event);
    },
    { takesBpdus: true },
  );
  let ports = 0;
  let written = 0n;
  return {
    made,
    events,
    join(kind = 'datagram') {
      const port = ++ports;
      made.addPort(port);
      const [fd, other] = native.datagramPair(1 << 20);
      atEnd(() => native.closeDescriptor(other));
      made.attach(port, port, { kind, fd, padding: true }, 16);
      return { port, fd: other };
    },
    write({ fd }, bytes) {
      writeSync(fd, bytes);
      written++;
    },
    settle() {
      const { counterNames } = native;
      const received = ['unicast', 'multicast', 'broadcast', 'drop_bad_length'].map((name) =>
        counterNames.indexOf(`receive_${name}`),
      );
      const read = () => {
        const { ports: rows, values } = made.counters();
        return Array.from(rows).reduce(
          (sum, _, row) => sum + received.reduce((one, at) => one + values[row * counterNames.length + at]!, 0n),
          0n,
        );
      };
      while (read() < written);
    },
  };
}

/** Each makes `count` events of its kind, from ports of its own; `mac_moved` makes one event. */
const KINDS = {
  ends: {
    make({ write, join }: Bench, count: number) {
      for (let i = 0; i < count; i++) write(join('stream'), Buffer.alloc(4, 0xff)); // a length that no frame has
    },
    is: (event: EngineEvent) => event.type === 'endpoint-ended',
  },
  bpdu: {
    make({ write, join }: Bench, count: number) {
      let end = join();
      for (let i = 0; i < count; i++) {
        if (i % 200 === 199) end = join(); // the engine accepts at most 256 BPDUs a second from a port
        write(end, bpdu(i));
      }
    },
    is: (event: EngineEvent) => event.type === 'bpdu',
  },
  mac_moved: {
    make({ write, join, settle }: Bench) {
      for (const end of [join(), join()]) {
        write(end, frame(BROADCAST, address(2)));
        settle();
      }
    },
    is: (event: EngineEvent) => event.type === 'mac-moved',
  },
  mac: {
    make({ made, write, join, settle }: Bench, count: number) {
      made.watchMacs(true);
      const end = join();
      for (let i = 0; i < count; i++) write(end, frame(BROADCAST, address(1000 + i)));
      settle();
      made.watchMacs(false);
    },
    is: (event: EngineEvent) => event.type === 'mac-changed' && event.change === 'added',
  },
  frame: {
    make({ made, write, join, settle }: Bench, count: number) {
      made.configure({ capture: true });
      const end = join();
      for (let i = 0; i < count; i++) write(end, frame(address(3), address(3), 60, i)); // it leaves by no port
      settle();
      made.configure({ capture: false });
    },
    is: (event: EngineEvent) => event.type === 'frame-received',
  },
} as const;
type Kind = keyof typeof KINDS;

/** The kinds that can come faster than JavaScript takes them. Ends are never lost, but may be many. */
const FLOODS: [Kind, number][] = [
  ['ends', 600],
  ['bpdu', 10_000],
  ['mac', 3000],
  ['frame', 3000],
];
const PAIRS = FLOODS.flatMap(([flood, count]) =>
  (Object.keys(KINDS) as Kind[]).filter((kind) => kind !== flood).map((kind) => [flood, count, kind] as const),
);

test.each(PAIRS)(
  'a flood of kind %s (%i) while JavaScript is busy loses no event of kind %s',
  async (flood, count, kind) => {
    const net = bench();
    const few = kind === 'mac_moved' ? 1 : 20;
    KINDS[flood].make(net, count);
    net.settle();
    KINDS[kind].make(net, few);
    net.settle();
    expect(net.events).toEqual([]); // JavaScript has been busy all the time
    const heard = () => net.events.filter(KINDS[kind].is).length;
    await until(
      () => heard() === few,
      () => `${few} ${kind}, of which ${heard()} came`,
    );
    const lost = net.made.eventsLost();
    if (kind !== 'ends') expect(lost[kind]).toBe(0n);
    if (flood !== 'ends') expect(lost[flood]).toBeGreaterThan(0n);
  },
);

test('the most urgent events are delivered first, and other callbacks have their turn in between', async () => {
  const net = bench();
  for (const kind of ['frame', 'mac', 'mac_moved', 'bpdu', 'ends'] as const) KINDS[kind].make(net, 400);
  net.settle();
  let before: number | undefined;
  setImmediate(() => {
    before = net.events.length;
  });
  await until(() => net.events.length >= 4 * 400, 'all of them');
  const order = net.events.map((event) => (Object.keys(KINDS) as Kind[]).findIndex((kind) => KINDS[kind].is(event)));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(before).toBeLessThan(400);
});

/** A program that sends through descriptor 3: frames as fast as they are taken, or `count` BPDUs in `seconds`. */
const SENDER = (what: string) => `
import socket, sys, time
end = socket.socket(fileno=3)
${what}
`;
const FLOOD = SENDER(`
frame = b'\\xff' * 6 + bytes.fromhex('020000000009') + b'\\x88\\xb5' + bytes(46)
while True: end.send(frame)`);
const HELLOS = (count: number, seconds: number) =>
  SENDER(`
for i in range(${count}):
    time.sleep(${seconds / count})
    end.send(bytes.fromhex('0180c2000000020000000008') + (38).to_bytes(2, 'big') + bytes(46))`);

test.each([
  ['the frames of the flood are looked at slowly', false],
  ['JavaScript is busy for a second', true],
])('with capture on and a flood from another process, every BPDU is heard while %s', async (_, busy) => {
  const spin = (ms: number) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  const net = bench((event) => event.type === 'frame-received' && spin(0.05));
  net.made.configure({ capture: true });
  const [flood, bridge] = [net.join(), net.join()];
  const python = (program: string, fd: number) => {
    const child = spawn('python3', ['-c', program], { stdio: ['ignore', 'inherit', 'inherit', fd] });
    atEnd(() => child.kill('SIGKILL'));
    return child;
  };
  python(FLOOD, flood.fd);
  await until(() => net.made.eventsLost().frame > 0n, 'a flood that is too much');
  const ended = once(python(HELLOS(20, 0.8), bridge.fd), 'exit');
  if (busy) spin(1500);
  await ended;
  const heard = () => net.events.filter(({ type }) => type === 'bpdu').length;
  await until(
    () => heard() === 20,
    () => `20 BPDUs, of which ${heard()} came`,
  );
  expect(net.made.eventsLost()).toMatchObject({ bpdu: 0n, mac: 0n });
});
