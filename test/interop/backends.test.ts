// Every kind of socket port with QEMU at the other end: the cases of QEMU's own netdev socket tests, with tsvde in the
// place of one QEMU and frames in both directions.
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, padded, type Recorder } from '../support/network.ts';
import { QemuHub } from '../support/qemu-hub.ts';
import { freePort } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

interface Case {
  /** The spec of tsvde and the -netdev of QEMU. */
  ours: string;
  theirs: string;
  /** QEMU listens and tsvde connects. */
  qemuServes?: boolean;
  /** The size of the largest frame that fits, 65535 by default. */
  largest?: number;
}

type MakeCase = () => Case | Promise<Case>;

const inet = (host: string) => async () =>
  `addr.type=inet,addr.host=${host},addr.port=${await freePort(host === '::1' ? '::1' : '127.0.0.1')}`;
const unix = () => `addr.type=unix,addr.path=${temporaryDirectory()}/s`;
const abstract = (more = '') => `addr.type=unix,addr.path=tsvde-${process.pid}-${Date.now()},addr.abstract=on${more}`;

const tsvdeServes = (address: () => string | Promise<string>) => async () => {
  const where = await address();
  return { ours: `stream,server=on,${where}`, theirs: `stream,server=off,${where}` };
};
const qemuServes = (address: () => string | Promise<string>) => async () => {
  const where = await address();
  return { ours: `stream,${where},reconnect-ms=50`, theirs: `stream,server=on,${where}`, qemuServes: true };
};
const mcast = (localaddr = '127.0.0.1') => `230.0.0.1:${20_000 + (process.pid % 20_000)},localaddr=${localaddr}`;

const cases: [string, MakeCase][] = [
  [
    'a socket port that listens',
    async () => {
      const port = await freePort();
      return { ours: `socket,listen=127.0.0.1:${port}`, theirs: `socket,connect=127.0.0.1:${port}` };
    },
  ],
  [
    'a socket port that connects',
    async () => {
      const port = await freePort();
      const ours = `socket,connect=127.0.0.1:${port},reconnect-ms=50`;
      return { ours, theirs: `socket,listen=:${port}`, qemuServes: true };
    },
  ],
  ['a stream server over IPv4', tsvdeServes(inet('127.0.0.1'))],
  ['a stream client over IPv4', qemuServes(inet('127.0.0.1'))],
  ['a stream server over IPv6', tsvdeServes(inet('::1'))],
  ['a stream client over IPv6', qemuServes(inet('::1'))],
  ['a stream server on a unix socket', tsvdeServes(unix)],
  ['a stream client on a unix socket', qemuServes(unix)],
  ['a stream server on an abstract name', tsvdeServes(abstract)],
  ['a stream client on an abstract name', qemuServes(abstract)],
  ['a stream server on a padded abstract name', tsvdeServes(() => abstract(',addr.tight=off'))],
  ['a stream client on a padded abstract name', qemuServes(() => abstract(',addr.tight=off'))],
  [
    'a dgram port over unix sockets',
    () => {
      const directory = temporaryDirectory();
      const names = (own: string, other: string) =>
        `dgram,local.type=unix,local.path=${directory}/${own},remote.type=unix,remote.path=${directory}/${other}`;
      return { ours: names('a', 'b'), theirs: names('b', 'a') };
    },
  ],
  [
    'a dgram port over UDP',
    async () => {
      const [a, b] = [await freePort(), await freePort()];
      const names = (own: number, other: number) =>
        `dgram,local.type=inet,local.host=127.0.0.1,local.port=${own},remote.type=inet,remote.host=127.0.0.1,remote.port=${other}`;
      return { ours: names(a, b), theirs: names(b, a), largest: 65507 };
    },
  ],
  [
    'a socket port over UDP',
    async () => {
      const [a, b] = [await freePort(), await freePort()];
      const names = (own: number, other: number) => `socket,udp=127.0.0.1:${other},localaddr=127.0.0.1:${own}`;
      return { ours: names(a, b), theirs: names(b, a), largest: 65507 };
    },
  ],
  [
    'a socket port over multicast',
    () => ({ ours: `socket,mcast=${mcast()}`, theirs: `socket,mcast=${mcast()}`, largest: 65507 }),
  ],
  [
    'a dgram port over multicast',
    () => {
      const spec =
        'dgram,remote.type=inet,remote.host=230.0.0.2,remote.port=23456,local.type=inet,local.host=127.0.0.1';
      return { ours: spec, theirs: `${spec},local.port=0`, largest: 65507 };
    },
  ],
];

/** Repeats a frame until a copy has arrived: a QEMU that has just started may not receive yet. */
async function sendUntilSeen(send: (mark: number) => void, seen: (mark: number) => boolean): Promise<void> {
  let mark = 0;
  const again = setInterval(() => send(++mark), 20);
  try {
    await until(() => Array.from({ length: mark }, (_, i) => i + 1).some(seen), 'the first frame');
  } finally {
    clearInterval(again);
  }
}

async function expectFramesBothWays(plug: Recorder, { far }: QemuHub): Promise<void> {
  const fromHere = (mark: number) => frame(BROADCAST, A, 60, mark);
  await sendUntilSeen(
    (mark) => plug.send(fromHere(mark)),
    (mark) => far.frames.some((one) => one.equals(fromHere(mark))),
  );
  const fromThere = (mark: number) => frame(BROADCAST, B, 60, 0x10000 + mark);
  await sendUntilSeen(
    (mark) => far.send(fromThere(mark)),
    (mark) => plug.frames.some((one) => one.equals(fromThere(mark))),
  );
}

describeWith(['qemu-system-x86_64'], 'a port with QEMU at the other end', () => {
  test.each(cases)('%s carries frames of all sizes in both directions', async (_, makeCase) => {
    const { ours, theirs, qemuServes: qemuListens, largest = 65535 } = await makeCase();
    const net = await network();
    const plug = await net.join();
    const attachOurs = () => net.sw.attach(ours);
    if (!qemuListens) await attachOurs();
    const hub = await QemuHub.start(theirs);
    if (qemuListens) await attachOurs();
    await expectFramesBothWays(plug, hub);

    const port = net.sw.ports
      .list()
      .find(({ endpoints }) => endpoints.some(({ attachment }) => attachment !== undefined))!.number;
    for (const size of [14, 59, 60, 1514, 9014, largest]) {
      const there = frame(BROADCAST, A, size, size);
      plug.send(there);
      await hub.far.receives(padded(there));
      const here = frame(BROADCAST, B, size, size + 1);
      hub.far.send(here);
      await plug.receives(padded(here));
    }
    const counters = () => net.sw.counters().find((row) => row.port === port)!;
    expect(counters().receiveDrops.too_short).toBe(0n);
    hub.far.send(Buffer.alloc(1));
    hub.far.send(Buffer.alloc(13));
    await until(() => counters().receiveDrops.too_short === 2n, 'two frames that are too short');
    if (largest < 65535) {
      plug.send(frame(BROADCAST, A, largest + 1));
      await until(() => counters().transmitDrops.too_long === 1n, 'a frame that is too long for UDP');
    }
    await expectFramesBothWays(plug, hub);
    expect(counters().receiveDrops).toMatchObject({ stranger: 0n, bad_length: 0n, error: 0n });
  });

  test('a stream that QEMU closes is connected again when QEMU is back', async () => {
    const { ours, theirs } = await qemuServes(unix)();
    const net = await network();
    const plug = await net.join();
    const { ports, id } = await net.sw.attach(ours);
    expect(net.sw.ports.get(ports[0]!)).toMatchObject({ active: false, attachment: id });
    expect(net.log.join('\n')).toMatch(/stream0: cannot connect to .*: No such file or directory; trying again/);
    for (let round = 0; round < 3; round++) {
      const hub = await QemuHub.start(theirs);
      await expectFramesBothWays(plug, hub);
      const [attached] = net.sw.attachments();
      expect(attached).toMatchObject({ ports, stats: { connections: 1, reconnects: round } });
      await hub.qemu.stop('SIGKILL');
      await until(() => !net.sw.ports.get(ports[0]!)?.active, 'the end of the connection');
    }
    expect(net.log.join('\n')).toMatch(/has ended: the peer closed it; trying again/);
  });

  test('a dgram port over unix sockets carries frames again after either side has restarted', async () => {
    const directory = temporaryDirectory();
    const names = (own: string, other: string) =>
      `dgram,local.type=unix,local.path=${directory}/${own},remote.type=unix,remote.path=${directory}/${other}`;
    const net = await network();
    const plug = await net.join();
    await net.sw.attach(`${names('a', 'b')},id=one`);
    plug.send(frame(BROADCAST, A));
    const drops = () => net.sw.counters().find(({ port }) => port === 2)!.transmitDrops;
    await until(() => drops().peer_gone === 1n, 'the dropped frame');
    const first = await QemuHub.start(names('b', 'a'));
    await expectFramesBothWays(plug, first);
    await first.qemu.stop('SIGKILL');
    const second = await QemuHub.start(names('b', 'a'));
    await expectFramesBothWays(plug, second);
    await net.sw.detach('one');
    await net.sw.attach(names('a', 'b'));
    await expectFramesBothWays(plug, second);
  });

  test('a multicast group of two switches and QEMU delivers each frame once and none to its sender', async () => {
    const spec = `socket,mcast=230.0.0.3:${20_000 + (process.pid % 20_000)},localaddr=127.0.0.1`;
    const nets = [await network(), await network()];
    const plugs = await Promise.all(nets.map((net) => net.join()));
    const [one, two] = plugs as [Recorder, Recorder];
    await Promise.all(nets.map((net) => net.sw.attach(spec)));
    const hub = await QemuHub.start(spec);
    await expectFramesBothWays(one, hub);
    await expectFramesBothWays(two, hub);
    // Frames of 60 bytes are left out: some of them may still be in flight.
    const counted = ({ frames }: { frames: Buffer[] }) => frames.filter(({ length }) => length >= 100);
    const marks = Array.from({ length: 50 }, (_, i) => i);
    for (const mark of marks) {
      one.send(frame(BROADCAST, A, 100, mark));
      two.send(frame(BROADCAST, B, 100, 1000 + mark));
    }
    const last = frame(BROADCAST, A, 200);
    one.send(last);
    await Promise.all([two.receives(last), hub.far.receives(last)]);
    await until(() => counted(one).length >= 50 && counted(hub.far).length >= 101, 'the frames of the second plug');
    expect(counted(one)).toHaveLength(50);
    expect(counted(two)).toHaveLength(51);
    expect(counted(hub.far)).toHaveLength(101);
    const echoes = nets.map((net) => net.sw.counters().find(({ port }) => port === 2)!.receiveDrops.own_echo);
    expect(echoes.every((count) => count! >= 50n)).toBe(true);
  });
});
