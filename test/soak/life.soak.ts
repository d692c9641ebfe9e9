// A long run with misbehaving peers: clients that flood, never read or vanish in the middle of a request; consoles that
// reconfigure everything; ports that are attached and detached. After each ten seconds all peers stop, and the switch
// must have the same descriptors, threads, children and files as after the first round, and little more memory. MINUTES
// (30) is the duration, SEED (1) selects the random numbers.
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pass } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ConsoleClient } from '../../src/ctl/console-client.ts';
import { joinSwitch } from '../../src/plug/join.ts';
import { Plug } from '../../src/plug/plug.ts';
import { native } from '../../src/system/native.ts';
import { randomFrom } from '../conformance.ts';
import { namespace } from '../support/namespace.ts';
import { BROADCAST, frame } from '../support/network.ts';
import { type Started, tsvde } from '../support/process.ts';
import { version3, words } from '../support/raw-client.ts';
import { wire } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const minutes = Number(process.env.MINUTES ?? 30);
const below = randomFrom(Number(process.env.SEED ?? 1));

const CHAOS_MS = 10_000;
/**
 * Memory may grow for this many rounds after the first. V8 collects garbage late on a busy machine, so memory comes and
 * goes; a leak is memory whose lowest value in as many rounds has grown by GROWTH_MIB.
 */
const WARM_UP = 6;
const GROWTH_MIB = 24;
/** Misbehaving peers name only ports below this number; the check between rounds has ports of its own. */
const PEER_PORTS = 40;
const CHECK_PORTS = [62, 63] as const;

interface Paths {
  directory: string;
  console: string;
  metrics: string;
  stream: string;
  datagram: string;
}

const oneOf = <T>(all: readonly T[]): T => all[below(all.length)]!;
const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => below(256)));
const mac = () => `02:00:00:00:00:0${below(8)}`;

function anyFrame(): Buffer {
  switch (below(6)) {
    case 0:
      return bytes(1 + below(80));
    case 1:
      return Buffer.concat([frame(oneOf([BROADCAST, mac()]), mac(), 14).subarray(0, 12), bytes(2 + below(200))]);
    case 2: {
      const tagged = frame(BROADCAST, mac(), 60 + below(9000), below(1 << 16));
      tagged.writeUInt16BE(0x8100, 12);
      tagged.writeUInt16BE(below(1 << 16), 14);
      return tagged;
    }
    case 3:
      return Buffer.concat([Buffer.from('0180c2000000', 'hex'), bytes(46)]); // to all bridges, like a BPDU
    default:
      return frame(
        oneOf([BROADCAST, mac(), mac()]),
        mac(),
        14 + below(oneOf([60, 1500, 9000, 65_000])),
        below(1 << 16),
      );
  }
}

/** Resolves with a connected socket, or undefined if nothing listens. */
function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('error', () => resolve(undefined));
    socket.once('connect', () => resolve(socket));
  });
}

async function write(socket: Socket | undefined, chunks: Buffer[], pause: number): Promise<void> {
  for (const chunk of chunks) {
    socket?.write(chunk);
    await pass(below(pause));
  }
  socket?.destroy();
}

const some = <T>(count: number, make: () => T): T[] => Array.from({ length: below(count) }, make);

const COMMANDS: (() => string)[] = [
  () => `port/create ${below(PEER_PORTS)}`,
  () => `port/remove ${below(PEER_PORTS)}`,
  () => 'port/createauto',
  () => `port/sethub ${below(2)}`,
  () => `port/setvlan ${below(PEER_PORTS)} ${below(20)}`,
  () => `port/allocatable ${below(PEER_PORTS)} ${below(2)}`,
  () => `port/epclose ${below(PEER_PORTS)} ${below(2000)}`,
  () =>
    oneOf(['port/print', 'port/allprint', 'hash/print', 'vlan/allprint', 'counters', 'fstp/print', 'json counters']),
  () => `vlan/create ${1 + below(20)}`,
  () => `vlan/remove ${1 + below(20)}`,
  () => `vlan/addport ${below(20)} ${below(PEER_PORTS)}`,
  () => `vlan/delport ${below(20)} ${below(PEER_PORTS)}`,
  () => oneOf(['hash/flush', 'hash/setexpire 1', 'hash/setexpire 300', 'hash/setgcint 1', 'hash/setsize 64']),
  () => `fstp/setfstp ${below(2)}`,
  () => `fstp/setedge ${below(3)} ${below(PEER_PORTS)} ${below(2)}`,
  () => oneOf(['debug/add', 'debug/del', 'plugin/add dump', 'plugin/add pdump', 'plugin/del dump', 'plugin/del pdump']),
  () => 'port/resetcounter',
  () => bytes(below(300)).toString('latin1'),
];

/** The whole life of one peer of each kind. */
const LIVES: ((paths: Paths) => Promise<void>)[] = [
  async function client({ directory }) {
    const plug = await Plug.connect(directory, below(2) ? {} : { port: below(PEER_PORTS) });
    try {
      for (let i = below(30); i > 0; i--) {
        plug.sendUnchecked(some(64, anyFrame)); // sendAll() refuses frames that are too short or too long
        await pass(below(40));
      }
    } finally {
      plug.close();
    }
  },
  async function clientThatNeverReads({ directory }) {
    const { control, fd } = await joinSwitch(directory);
    await pass(below(2000));
    if (below(2)) control.destroy();
    native.closeDescriptor(fd);
    await pass(below(100));
    control.destroy();
  },
  async function invalidClient({ directory }) {
    const nowhere = Buffer.concat([words(1), Buffer.from(`${directory}/nobody`), Buffer.alloc(110)]).subarray(2, 112);
    const request = oneOf([bytes(below(400)), version3(nowhere), Buffer.alloc(5000, 0xff), Buffer.alloc(0)]);
    await write(await open(`${directory}/ctl`), [request.subarray(0, 7), request.subarray(7)], 300);
  },
  async function console(paths) {
    const socket = await open(paths.console);
    if (below(4) > 0) socket?.resume();
    const lines = some(40, () => Buffer.from(`${oneOf(COMMANDS)()}${oneOf(['\n', '\n', '\r\n', '', '\0'])}`, 'latin1'));
    await write(socket, lines, 30);
  },
  async function scraper({ metrics }) {
    const request = oneOf([
      'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /metr',
      'POST / HTTP/1.1\r\n\r\n',
      '\0\0\0',
    ]);
    await write(
      await open(metrics),
      some(4, () => Buffer.from(request)),
      200,
    );
  },
  async function attacher(paths) {
    const tsvdectl = await ConsoleClient.connect(paths.console);
    const kinds = [
      `stream,id=s,server=on,addr.type=unix,addr.path=${paths.stream}`,
      `stream,id=s,addr.type=unix,addr.path=${paths.stream},reconnect-ms=50`,
      `dgram,id=d,local.path=${paths.datagram},remote.type=unix,remote.path=${paths.datagram}-peer`,
      'socket,id=m,mcast=230.0.0.9:4567,localaddr=127.0.0.1',
      'user,id=u',
    ];
    await tsvdectl.ask(`port/attach ${oneOf(kinds)}`);
    await pass(below(1500));
    if (below(2)) await tsvdectl.ask(`port/detach ${oneOf(['s', 'd', 'm', 'u'])}`);
    tsvdectl.close();
  },
  async function streamPeer({ stream }) {
    const chunks = some(40, () =>
      oneOf([() => bytes(below(50)), () => wire(anyFrame()), () => wire(anyFrame()).subarray(0, 9)])(),
    );
    const socket = await open(stream);
    if (below(2)) socket?.resume();
    await write(socket, chunks, 40);
  },
];

async function live(paths: Paths, until: number): Promise<void> {
  while (Date.now() < until) {
    // A refusal or a disconnect is a normal end of a life. A call that is wrong is not, since it cuts the life short.
    await oneOf(LIVES)(paths).catch((error) => {
      if (error instanceof TypeError || error.code === 'EINVAL') throw error;
    });
  }
}

/** The resources that must not grow: those of the process, and its files in the control directory. */
function resources({ pid }: Started, { directory }: Paths) {
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    children: readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'),
    files: readdirSync(directory),
  };
}

const memoryMib = ({ pid }: Started): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

/** Undoes the lasting changes of the peers. */
async function undoChanges(console: ConsoleClient): Promise<void> {
  for (const id of ['s', 'd', 'm', 'u']) await console.ask(`port/detach ${id}`);
  for (const plugin of ['dump', 'pdump']) await console.ask(`plugin/del ${plugin}`);
  await console.ask('fstp/setfstp 0');
}

async function expectFrameBetweenPorts(paths: Paths, mark: number): Promise<void> {
  const [one, two] = [
    await Plug.connect(paths.directory, { port: CHECK_PORTS[0] }),
    await Plug.connect(paths.directory, { port: CHECK_PORTS[1] }),
  ];
  const sent = frame(BROADCAST, '02:00:00:00:01:00', 100, mark);
  let heard = false;
  two.on('frame', (got) => {
    heard ||= got.equals(sent);
  });
  await until(() => {
    one.send(sent);
    return heard;
  }, 'a frame from one port to another');
  one.close();
  two.close();
}

test(`the switch holds no more after ${minutes} minutes of misbehaving peers than at first`, async () => {
  const home = temporaryDirectory();
  const paths = {
    directory: `${home}/ctl`,
    console: `${home}/mgmt`,
    metrics: `${home}/metrics`,
    stream: `${home}/stream`,
    datagram: `${home}/dgram`,
  };
  const ns = namespace();
  const args = ['-s', paths.directory, '-M', paths.console, '--metrics', `unix:${paths.metrics}`, '-n', '64'];
  const started = ns.start(tsvde, [...args, '--tap', 'soak0'], { cwd: home });
  await until(() => open(paths.console), 'the console');
  ns.run('ip', 'link', 'set', 'soak0', 'up');

  let atFirst: ReturnType<typeof resources> | undefined;
  let warmUpMib = 0;
  const lately: number[] = [];
  const ends = Date.now() + minutes * 60_000;
  for (let round = 0; Date.now() < ends; round++) {
    const over = Date.now() + CHAOS_MS;
    await Promise.all(Array.from({ length: 24 }, () => live(paths, over)));

    expect(started.running, started.stderr().slice(-2000)).toBe(true);
    const console = await ConsoleClient.connect(paths.console);
    await undoChanges(console);
    await expectFrameBetweenPorts(paths, round);
    console.close();
    const current = () => JSON.stringify(resources(started, paths));
    if (round === 0) {
      await pass(1000);
      atFirst = resources(started, paths);
    }
    await until(
      () => current() === JSON.stringify(atFirst),
      () => `${JSON.stringify(atFirst)}, not ${current()}`,
      15_000,
    );
    const memory = memoryMib(started);
    if (round <= WARM_UP) warmUpMib = Math.max(warmUpMib, memory);
    lately.push(memory);
    if (lately.length > WARM_UP) lately.shift();
    expect(Math.min(...lately), 'MiB').toBeLessThan(warmUpMib + GROWTH_MIB);
    const left = Math.max(0, (ends - Date.now()) / 60_000).toFixed(1);
    globalThis.console.log(`round ${round}, ${left} of ${minutes} min left: ${memory.toFixed(0)} MiB, ${current()}`);
  }
  expect(started.stderr()).not.toMatch(/^\s+at /m); // a stack trace: an unexpected exception
});
