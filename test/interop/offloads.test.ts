// TAPs with offloads compared with the kernel's own segmenting, coalescing and checksums, and real TCP across them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Switch } from '../../src/index.ts';
import { type DatagramOptions, datagram, onesSum, randomDatagram } from '../support/datagram.ts';
import { ofOneSwitch } from '../support/metrics.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { run, type Started, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const script = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
const MARK = '02:00:00:00:00:77';
let marks = 0;
let taps = 0;

/** A namespace whose interfaces send nothing by themselves. */
function silentNamespace(): Namespace {
  const space = namespace();
  for (const which of ['all', 'default'])
    space.run('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${which}/disable_ipv6`);
  return space;
}

/** Attaches a new TAP to the switch and brings it up in the namespace. */
async function tapIn(space: Namespace, sw: Switch, offloads = true): Promise<string> {
  const name = `tvo${process.pid}-${taps++}`;
  await sw.attach(`tap,ifname=${name},vnet_hdr=${offloads ? 'on' : 'off'}`);
  await run('ip', ['link', 'set', name, 'netns', space.name]);
  space.run('ip', 'link', 'set', name, 'up');
  return name;
}

class PacketSocket {
  readonly #program: Started;
  #answers = 0;

  constructor(space: Namespace, name: string) {
    this.#program = space.start('python3', [script('packets.py'), name]);
  }

  async send(...packets: readonly Buffer[]): Promise<void> {
    for (const packet of packets) this.#program.stdin.write(`${packet.toString('hex')}\n`);
    this.#answers += packets.length;
    await until(() => this.#program.stdout().split('\n').length > this.#answers, 'the packet socket');
    if (this.#program.stdout().match(/^(?!sent).+$/m)) throw new Error(this.#program.stdout());
  }

  /** Sends a plain frame that separates earlier frames from later ones. */
  async mark(): Promise<Buffer> {
    const mark = frame(BROADCAST, MARK, 60, ++marks);
    await this.send(Buffer.concat([Buffer.alloc(10), mark]));
    return mark;
  }
}

const random = (below: number) => Math.floor(seeded() * below);
let state = 20060817;
/** Random numbers that are the same in each run (mulberry32). */
function seeded(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

describeWith(['root', 'tun', 'ip', 'python3'], 'frames from a TAP with offloads to a VDE client', () => {
  test('a client and a capture see the same bytes as from a TAP without offloads', async () => {
    const space = silentNamespace();
    const paths = [];
    for (const offloads of [true, false]) {
      const { sw, join } = await network();
      const captured: Buffer[] = [];
      sw.capture.start(({ direction, bytes }) => direction === 'received' && captured.push(bytes));
      const name = await tapIn(space, sw, offloads);
      paths.push({ name, sw, captured, recorder: await join(), socket: new PacketSocket(space, name) });
    }
    const [ours, kernels] = paths as [(typeof paths)[0], (typeof paths)[0]];
    const rounds = 60;
    for (let i = 0; i < rounds; i++) {
      const options = randomDatagram(random);
      const one = datagram(options);
      for (const { socket, recorder } of paths) {
        await socket.send(one);
        await recorder.receives(await socket.mark());
      }
      const plain = kernels.recorder.frames.filter(isNotMark);
      expect(plain).toHaveLength(Math.ceil(options.payload.length / options.segment!));
      expect(ours.recorder.frames.filter(isNotMark)).toEqual(plain);
      expect(ours.captured.filter(isNotMark)).toEqual(plain);
      const sum = (frames: Buffer[]) => frames.reduce((bytes, one) => bytes + one.length, 0);
      const received = ours.sw.counters().find(({ port }) => port === 1)!;
      expect(received.receiveUnicast).toBe(BigInt(plain.length));
      for (const path of paths) {
        if (path === ours && i === 0) expect(received.receiveBytes).toBe(BigInt(sum(path.recorder.frames)));
        path.recorder.frames.length = path.captured.length = 0;
        path.sw.resetCounters(1);
      }
    }
    expect(statistic(space, ours.name, 'tx_packets')).toBe(2 * rounds);
    expect(statistic(space, kernels.name, 'tx_packets')).toBeGreaterThan(10 * rounds);
  }, 60_000);

  test('the switch completes a checksum that a program left to the device, as DHCP clients need', async () => {
    const space = silentNamespace();
    const { sw, join } = await network();
    const name = await tapIn(space, sw);
    space.run('ip', 'addr', 'add', '10.9.0.1/24', 'dev', name);
    const client = await join();
    const program = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.bind(('10.9.0.1', 68))
for size in (1, 2, 17, 300, 301): s.sendto(b'x' * size, ('10.9.0.255', 67))`;
    space.run('python3', '-c', program);
    await until(() => client.frames.length === 5, 'five datagrams');
    for (const [i, size] of [1, 2, 17, 300, 301].entries()) {
      const packet = client.frames[i]!.subarray(14, 14 + 28 + size);
      const pseudo = Buffer.from([0, 17, (8 + size) >> 8, (8 + size) & 0xff]);
      expect(packet.readUInt16BE(26)).not.toBe(0);
      expect(onesSum(Buffer.concat([packet.subarray(12, 20), pseudo, packet.subarray(20)]))).toBe(0xffff);
    }
  });

  test('a persistent TAP gives the same frames to tsvde, then to vde_switch, then to tsvde', async () => {
    const space = silentNamespace();
    const name = `tvo${process.pid}-kept`;
    await run('ip', ['tuntap', 'add', 'mode', 'tap', 'name', name]);
    await run('ip', ['link', 'set', name, 'netns', space.name]);
    const one = datagram({ payload: Buffer.alloc(10_000, 7) });
    const frames: Buffer[][] = [];
    for (const offloads of [[], ['plain'], []]) {
      const home = temporaryDirectory();
      const vde = space.start(offloads.length === 0 ? tsvde : 'vde_switch', ['-s', `${home}/ctl`, '-t', name]);
      await until(
        () => accepts(`${home}/ctl/ctl`),
        () => `a switch: ${vde.stderr()}`,
      );
      const client = await Recorder.join(`${home}/ctl`);
      space.run('ip', 'link', 'set', name, 'up');
      const socket = new PacketSocket(space, name);
      await socket.send(one);
      await client.receives(await socket.mark());
      frames.push(client.frames.filter(isNotMark));
      await vde.stop();
    }
    expect(frames[0]).toHaveLength(7);
    expect(frames[1]).toEqual(frames[0]);
    expect(frames[2]).toEqual(frames[0]);
  });
});

describeWith(
  ['root', 'tun', 'ip', 'python3', 'ethtool', 'tcpdump'],
  'frames from a VDE client to a TAP with offloads',
  () => {
    test('coalesced frames leave the host byte for byte as they came, segmented again by the kernel', async () => {
      const { space, directory, vde, home } = await hostWithTap();
      // A bridge joins the TAP to a device that has no offloads.
      space.run('ip', 'link', 'add', 'bridge', 'type', 'bridge');
      space.run('ip', 'link', 'add', 'plain', 'type', 'veth', 'peer', 'name', 'far');
      space.run('ethtool', '-K', 'plain', 'tx', 'off', 'tso', 'off', 'gso', 'off', 'tx-udp-segmentation', 'off');
      for (const name of ['tap', 'plain']) space.run('ip', 'link', 'set', name, 'master', 'bridge');
      for (const name of ['bridge', 'plain', 'far', 'tap']) space.run('ip', 'link', 'set', name, 'up');
      const from = ['ether', 'src', '02:00:00:00:00:01'];
      // tcpdump's default buffer has few slots, each for the longest possible frame, and tcpdump loses a frame for
      // which no slot is free.
      const record = ['-i', 'far', '-s', '2000', '-B', '8192', '--immediate-mode', '-U', '-w', `${home}/pcap`];
      const recording = space.start('tcpdump', [...record, ...from]);
      await recording.output(/listening on far/);
      const client = await Recorder.join(directory);

      const sent: Buffer[] = [];
      const before = statistic(space, 'tap', 'rx_packets');
      for (let i = 0; i < 40; i++) {
        const frames = await kernelFrames(randomDatagram(random, 1100));
        if (i % 5 === 0) frames[random(frames.length)]![random(60) + 12]! ^= 1 << random(8);
        // All frames lie in the socket when the switch wakes, and so make one batch.
        vde.signal('SIGSTOP');
        for (const one of frames) client.send(one);
        vde.signal('SIGCONT');
        sent.push(...frames);
        const all = sent.length;
        await until(
          () => readPcap(`${home}/pcap`).length === all,
          () => `${all} frames in ${home}/pcap`,
        );
      }
      expect(readPcap(`${home}/pcap`)).toEqual(sent);
      expect(statistic(space, 'tap', 'rx_packets') - before).toBeLessThan(sent.length / 2);
    });
  },
);

let plainPath: Promise<{ socket: PacketSocket; recorder: Recorder }> | undefined;
/** Returns the frames that the kernel makes of the datagram for a TAP without offloads. */
async function kernelFrames(options: DatagramOptions): Promise<Buffer[]> {
  plainPath ??= (async () => {
    const space = silentNamespace();
    const { sw, join } = await network();
    const socket = new PacketSocket(space, await tapIn(space, sw, false));
    return { socket, recorder: await join() };
  })();
  const { socket, recorder } = await plainPath;
  recorder.frames.length = 0;
  await socket.send(datagram(options));
  await recorder.receives(await socket.mark());
  return recorder.frames.filter(isNotMark);
}

/** Starts a switch with a TAP in a namespace of its own. */
async function hostWithTap(...options: string[]) {
  const home = temporaryDirectory();
  const space = silentNamespace();
  const { started: vde, directory } = await startTsvde(['-t', 'tap', ...options], { cwd: home, within: space });
  return { home, space, directory, vde };
}

function statistic(space: Namespace, name: string, counter: string): number {
  return Number(space.run('cat', `/sys/class/net/${name}/statistics/${counter}`));
}

/** Returns the frames that the file holds in full so far. */
function readPcap(path: string): Buffer[] {
  const file = readFileSync(path);
  const frames: Buffer[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const size = file.readUInt32LE(at + 8);
    if (at + 16 + size > file.length) break;
    frames.push(file.subarray(at + 16, at + 16 + size));
    at += 16 + size;
  }
  return frames;
}

describeWith(['root', 'tun', 'ip', 'python3', 'busybox'], 'large frames', () => {
  test.each([9000, 16_000, 65_521])('frames of an MTU of %i pass from a TAP to a VDE client and back', async (mtu) => {
    const { space, directory } = await hostWithTap();
    space.run('ip', 'link', 'set', 'tap', 'mtu', `${mtu}`, 'up');
    const client = await Recorder.join(directory);
    const largest = frame(BROADCAST, MARK, mtu + 14, ++marks);
    await new PacketSocket(space, 'tap').send(Buffer.concat([Buffer.alloc(10), largest]));
    await client.receives(largest);

    const before = statistic(space, 'tap', 'rx_bytes');
    await until(() => {
      client.send(frame(BROADCAST, '02:00:00:00:00:01', mtu + 14));
      return statistic(space, 'tap', 'rx_bytes') > before;
    }, 'the MTU to be known and a frame to come');
    expect((statistic(space, 'tap', 'rx_bytes') - before) % (mtu + 14)).toBe(0);
  });

  test('a datagram whose segments exceed an MTU is dropped, and each segment is counted', async () => {
    const { space } = await hostWithTap('--tap', 'small', '--metrics', '9109');
    await until(() => space.run('ip', '-br', 'link').includes('small'), 'the other TAP');
    space.run('ip', 'link', 'set', 'small', 'mtu', '1400', 'up');
    space.run('ip', 'link', 'set', 'tap', 'up');
    const socket = new PacketSocket(space, 'tap');
    const metrics = () => space.run('busybox', 'wget', '-q', '-O', '-', 'http://127.0.0.1:9109/metrics');
    const said = (line: string) => ofOneSwitch(metrics()).includes(`\ntsvde_port_transmit_${line}\n`);
    await socket.send(datagram({ payload: Buffer.alloc(10_000), segment: 1448 }));
    await until(() => said('drop_total{port="2",reason="too_long"} 7'), metrics);
    await socket.send(datagram({ payload: Buffer.alloc(10_000), segment: 1346 }));
    await until(() => said('unicast_packets_total{port="2"} 8'), metrics);
  });
});

describeWith(['root', 'tun', 'ip', 'python3', 'tcpdump', 'vde_plug2tap'], 'TCP across a TAP with offloads', () => {
  test.each([
    ['a TAP and a VDE client over IPv4', '10.9.0.1', '10.9.0.2', 1500],
    ['a TAP and a VDE client over IPv6', 'fd09::1', 'fd09::2', 1500],
  ])('TCP between %s arrives unchanged in both directions, with valid checksums', async (...row) => {
    const [, near, far, mtu] = row;
    const { space, directory, home } = await hostWithTap();
    const other = silentNamespace();
    other.start('vde_plug2tap', ['-s', directory, 'tap']);
    await until(() => other.run('ip', '-br', 'link').includes('tap'), 'the other TAP');
    configure(space, near, mtu);
    configure(other, far, mtu);
    const recording = other.start('tcpdump', [
      '-i',
      'tap',
      '-U',
      '-s',
      '0',
      '-c',
      '3000',
      '-Q',
      'in',
      '-w',
      `${home}/pcap`,
    ]);
    await recording.output(/listening on tap/);
    await transfer(space, other, far);
    await recording.stop();
    const text = (await run('tcpdump', ['-r', `${home}/pcap`, '-n', '-vv'])).stdout;
    expect(text).toMatch(/cksum 0x[0-9a-f]{4} \(correct\)/);
    expect(text).not.toMatch(/incorrect|bad cksum/);
    expect(statistic(space, 'tap', 'tx_bytes') / statistic(space, 'tap', 'tx_packets')).toBeGreaterThan(mtu);
  });

  test('TCP between TAPs crosses in datagrams of tens of kilobytes', async () => {
    const home = temporaryDirectory();
    const [space, other] = [silentNamespace(), silentNamespace()];
    space.start(tsvde, ['-s', `${home}/ctl`, '-t', 'tap,two']);
    await until(() => space.run('ip', '-br', 'link').includes('two'), 'the TAPs');
    space.run('ip', 'link', 'set', 'two', 'netns', other.name);
    other.run('ip', 'link', 'set', 'two', 'name', 'tap');
    configure(space, '10.9.0.1', 1500);
    configure(other, '10.9.0.2', 1500);
    await transfer(space, other, '10.9.0.2');
    for (const [host, direction] of [
      [space, 'tx'],
      [other, 'rx'],
    ] as const)
      expect(
        statistic(host, 'tap', `${direction}_bytes`) / statistic(host, 'tap', `${direction}_packets`),
      ).toBeGreaterThan(8000);
  });
});

function configure(space: Namespace, address: string, mtu: number): void {
  const six = address.includes(':');
  space.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/tap/disable_ipv6');
  space.run('ip', 'link', 'set', 'tap', 'mtu', `${mtu}`, 'up');
  space.run('ip', 'addr', 'add', `${address}/${six ? 64 : 24}`, 'dev', 'tap', ...(six ? ['nodad'] : []));
}

/** Sends some megabytes in both directions at once and compares their hashes. */
async function transfer(near: Namespace, far: Namespace, farAddress: string): Promise<void> {
  const listening = far.start('python3', [script('transfer.py'), 'listen', farAddress, '8', '1']);
  await listening.output(/listening/);
  const connecting = near.start('python3', [script('transfer.py'), 'connect', farAddress, '8', '2']);
  const there = await listening.output(/sent (\w+) received (\w+)/, 30_000);
  const here = await connecting.output(/sent (\w+) received (\w+)/, 30_000);
  expect([here[1], here[2]]).toEqual([there[2], there[1]]);
}

/** Returns whether a frame is not a mark. Marks have a source address of their own. */
function isNotMark(bytes: Buffer): boolean {
  return bytes.readUInt16BE(10) !== 0x0077;
}
