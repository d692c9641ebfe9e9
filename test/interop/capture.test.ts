// Reads captures with tshark, capinfos and tcpdump, and compares filters with tcpdump's on the same frames.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Switch } from '../../src/index.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, type Recorder } from '../support/network.ts';
import { readPcapng } from '../support/pcapng.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const FIRST = '02:00:00:00:00:01';

function output(command: string, ...words: string[]): string {
  return execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 });
}

async function sendAll(sw: Switch, from: Recorder, frames: readonly Buffer[]): Promise<void> {
  let sent = 0;
  await until(
    () => {
      sent += from.plug.sendUnchecked(frames.slice(sent, sent + 50));
      return sent === frames.length;
    },
    'all frames to be sent',
    60_000,
  );
  const received = () =>
    sw.counters().reduce((sum, row) => sum + row.receiveUnicast + row.receiveMulticast + row.receiveBroadcast, 0n);
  await until(() => received() === BigInt(frames.length), 'all frames to be received');
}

describeWith(['tshark', 'capinfos', 'tcpdump'], 'a file of a capture', () => {
  test('is read by tshark, capinfos and tcpdump, with every frame as it was', async () => {
    const { sw, join } = await network();
    const file = `${temporaryDirectory()}/file.pcapng`;
    const a = await join({ port: 1, description: 'a guest' });
    await sw.captures.add('file', { file });
    const b = await join({ port: 7 });
    const frames = Array.from({ length: 100 }, (_, i) => frame(BROADCAST, FIRST, 60 + 13 * i, i));
    const before = Date.now() / 1000;
    for (const bytes of frames) {
      a.send(bytes);
      await b.receives(bytes);
    }
    await sw.captures.remove('file');
    const fields = ['frame.interface_name', 'frame.packet_flags_direction', 'frame.len', 'frame.time_epoch'];
    const words = fields.flatMap((field) => ['-e', field]);
    const rows = output('tshark', '-r', file, '-T', 'fields', ...words)
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    const expected = frames.flatMap(({ length }) => [
      ['port 1', '0x00000001', String(length)],
      ['port 7', '0x00000002', String(length)],
    ]);
    expect(rows.map((row) => row.slice(0, 3))).toEqual(expected);
    const times = rows.map((row) => Number(row[3]));
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(times[0]).toBeGreaterThan(before - 1);
    expect(times.at(-1)).toBeLessThan(Date.now() / 1000 + 1);
    const raw = output('tshark', '-r', file, '-x').replaceAll('\r', '');
    const dumps = raw.split('\n\n').filter((dump) => dump.trim() !== '');
    const bytesOf = (dump: string) =>
      dump
        .split('\n')
        .map((line) => line.slice(6, 53).replaceAll(' ', ''))
        .join('');
    expect(dumps.map(bytesOf)).toEqual(frames.flatMap((bytes) => [bytes.toString('hex'), bytes.toString('hex')]));
    const about = output('capinfos', file);
    expect(about).toContain('Number of packets:   200');
    expect(about).toContain('Number of interfaces in file: 2');
    expect(about).toMatch(/Name = port 1\n\s+Description = vde a guest/);
    expect(about.match(/Time resolution = 0x09/g)).toHaveLength(2);
    expect(about.match(/Number of stat entries = 1/g)).toHaveLength(2);
    expect(output('tcpdump', '-n', '-r', file).match(/^\d\d:/gm)).toHaveLength(200);
  });
});

describeWith(['tshark'], 'a capture of drops', () => {
  test('has each dropped frame with a comment that names the reason', async () => {
    const { sw, join } = await network();
    const file = `${temporaryDirectory()}/file.pcapng`;
    const a = await join({ port: 1 });
    const b = await join({ port: 2 });
    sw.vlans.create(10);
    await sw.captures.add('drops', { file, drops: true });
    await sw.captures.add('plain', { file: `${file}-plain` });
    a.send(Buffer.alloc(10));
    a.send(frame(BROADCAST, FIRST, 61));
    await b.receives(frame(BROADCAST, FIRST, 61));
    a.send(frame(FIRST, FIRST, 62));
    const tagged = frame(BROADCAST, FIRST, 63);
    tagged.writeUInt32BE(0x8100000a, 12);
    a.send(tagged);
    await until(() => sw.counters()[0]!.receiveDrops.vlan === 1n, 'all drops');
    for (const { name } of sw.captures.list()) await sw.captures.remove(name);
    const fields = ['frame.interface_name', 'frame.packet_flags_direction', 'frame.len', 'frame.comment'];
    const words = ['-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const rows = (path: string) =>
      output('tshark', '-r', path, ...words)
        .split('\n')
        .slice(0, -1)
        .map((row) => row.trimEnd());
    const [inbound, outbound] = ['0x00000001', '0x00000002'];
    expect(rows(file)).toEqual([
      `port 1\t${inbound}\t10\tdropped: too_short`,
      `port 1\t${inbound}\t61`,
      `port 2\t${outbound}\t61`,
      `port 1\t${inbound}\t62`,
      `port 1\t${inbound}\t62\tdropped: same_port`,
      `port 1\t${inbound}\t63`,
      `port 1\t${inbound}\t63\tdropped: vlan`,
    ]);
    expect(rows(`${file}-plain`)).toHaveLength(4);
    expect(output('capinfos', file)).toContain('Number of packets:   7');
  });
});

/** Returns a function that returns random whole numbers, at least 0 and less than `below`, the same in each run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Returns a frame of a random kind, with addresses and ports that the filters below name. */
function randomFrame(random: (below: number) => number): Buffer {
  const bytes = Buffer.from(Array.from({ length: 80 + random(180) }, () => random(256)));
  const mac = () => [2, 0, 0, 0, 0, random(4)];
  bytes.set(random(4) === 0 ? [1, 0, 0x5e, 0, 0, 1] : random(4) === 0 ? [255, 255, 255, 255, 255, 255] : mac(), 0);
  bytes.set(mac(), 6);
  let at = 12;
  for (let tags = random(4) === 0 ? 1 + random(2) : 0; tags > 0; tags--, at += 4) {
    bytes.writeUInt16BE(0x8100, at);
    bytes.writeUInt16BE(random(4) + 1, at + 2);
  }
  const type = [0x0800, 0x0800, 0x0800, 0x86dd, 0x0806, 0x88b5, 100][random(7)]!;
  bytes.writeUInt16BE(type, at);
  at += 2;
  const protocol = [6, 17, 1, 58, 132][random(5)]!;
  let transport = at + 20;
  if (type === 0x0800) {
    bytes[at] = random(8) === 0 ? 0x46 : 0x45;
    bytes.writeUInt16BE(bytes.length - at, at + 2);
    bytes.writeUInt16BE(random(8) === 0 ? 100 : 0x4000, at + 6);
    bytes[at + 9] = protocol;
    bytes.set([10, 0, random(2), random(3)], at + 12);
    bytes.set([10, 0, random(2), random(3)], at + 16);
    if (bytes[at] === 0x46) transport += 4;
  } else if (type === 0x86dd) {
    bytes.fill(0, at, at + 40);
    bytes[at] = 0x60;
    bytes.writeUInt16BE(bytes.length - at - 40, at + 4);
    bytes[at + 6] = protocol;
    bytes.set([0xfe, 0x80], at + 8);
    bytes[at + 23] = random(3);
    bytes.set([0xfe, 0x80], at + 24);
    bytes[at + 39] = random(3);
    transport = at + 40;
  } else if (type === 0x0806) {
    bytes.set([0, 1, 8, 0, 6, 4, 0, 1 + random(2)], at);
    bytes.set([10, 0, 0, random(3)], at + 14);
    bytes.set([10, 0, 0, random(3)], at + 24);
  }
  if (transport + 14 <= bytes.length) {
    bytes.writeUInt16BE([22, 53, 80, 443, 5000][random(5)]!, transport);
    bytes.writeUInt16BE([22, 53, 80, 443, 5000][random(5)]!, transport + 2);
    bytes[transport + 13] = random(64);
  }
  return bytes;
}

const FILTERS = [
  ...['ip', 'ip6', 'arp', 'tcp', 'udp', 'icmp', 'icmp6', 'sctp', 'vlan', 'vlan 2', 'vlan 1 and ip', 'vlan and vlan'],
  ...['host 10.0.0.1', 'src host 10.0.1.2', 'dst host 10.0.0.2', 'net 10.0.1.0/24', 'not net 10.0.0.0/24'],
  ...['port 80', 'src port 53', 'dst port 443', 'tcp port 22', 'udp port 5000', 'portrange 50-90', 'tcp dst port http'],
  ...['ether host 02:00:00:00:00:01', 'ether src 02:00:00:00:00:02', 'ether dst 02:00:00:00:00:03'],
  ...['ether broadcast', 'ether multicast', 'ip multicast', 'ether proto 0x88b5', 'ether[12:2] < 1500'],
  ...['less 100', 'greater 200', 'len = 77', 'ip6 host fe80::1', 'src host fe80::2', 'arp host 10.0.0.1'],
  ...['tcp[tcpflags] & (tcp-syn|tcp-fin) != 0', 'tcp[13] = 2', 'ip[8] < 64', 'ip[2:2] > 100', 'ip[0] & 0xf != 5'],
  ...[
    'ip[6:2] & 0x1fff != 0',
    'udp[4:2] % 3 = 1',
    'ether[20] * 2 > ether[21] + 5',
    'ether[30:4] ^ ether[34:4] > 0x7fffffff',
  ],
  ...['ether[14] << 2 = 8 or ether[15] >> 1 = 3', 'ip proto 47 or tcp or (udp and not port 53)'],
  ...['(host 10.0.0.1 or host 10.0.1.1) and (port 80 or port 443) and not ether dst 02:00:00:00:00:00'],
];

describeWith(['tcpdump'], 'filters', () => {
  test('accept the frames that tcpdump accepts', async () => {
    expect(FILTERS.length).toBeGreaterThanOrEqual(50);
    const { sw, join } = await network({ macLimit: 100 });
    const home = temporaryDirectory();
    const a = await join({ port: 1 });
    await sw.captures.add('all', { file: `${home}/all`, direction: 'rx' });
    for (const [i, filter] of FILTERS.entries())
      await sw.captures.add(`f${i}`, { file: `${home}/${i}`, direction: 'rx', filter });
    const random = randomNumbers(42);
    await sendAll(
      sw,
      a,
      Array.from({ length: 10_000 }, () => randomFrame(random)),
    );
    expect(sw.captures.list().map(({ lost }) => lost)).toEqual(Array.from({ length: FILTERS.length + 1 }, () => 0n));
    for (const { name } of sw.captures.list()) await sw.captures.remove(name);
    expect(readPcapng(readFileSync(`${home}/all`)).packets.length).toBe(10_000);
    let some = 0;
    for (const [i, filter] of FILTERS.entries()) {
      output('tcpdump', '-r', `${home}/all`, '-w', `${home}/expected`, filter);
      const expected = readPcap(readFileSync(`${home}/expected`));
      const ours = readPcapng(readFileSync(`${home}/${i}`)).packets.map(({ bytes }) => bytes.toString('hex'));
      expect(ours, filter).toEqual(expected);
      if (expected.length > 0 && expected.length < 10_000) some++;
    }
    expect(some).toBeGreaterThan(45);
  }, 120_000);

  test('that are invalid, name hosts or take too long to compile are refused with a sentence', async () => {
    const { sw } = await network();
    const add = (filter: string) => sw.captures.add('one', { file: `${temporaryDirectory()}/file`, filter });
    await expect(add('tcp prot 80')).rejects.toThrow('the filter is refused: ');
    await expect(add('ip protochain 6')).rejects.toThrow('has a loop');
    await expect(add('host localhost')).rejects.toThrow(
      'names of hosts and networks are not looked up: give addresses',
    );
    await expect(add('net loopback')).rejects.toThrow('not looked up');
    await expect(add('ether host router')).rejects.toThrow('not looked up');
    await expect(add(`${'('.repeat(20_000)}ip${')'.repeat(20_000)}`)).rejects.toThrow('the filter is refused: ');
    await expect(add('x'.repeat(70_000))).rejects.toThrow('a filter has at most 65536 bytes');
    const hard = Array.from({ length: 3000 }, (_, i) => `tcp[${i}] = ${i}`).join(' or ');
    await expect(add(hard)).rejects.toThrow('the filter is refused: ');
    expect(sw.captures.list()).toEqual([]);
  }, 30_000);
});

/** Returns the frames of a pcap file as hex. */
function readPcap(file: Buffer): string[] {
  const frames: string[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    frames.push(file.toString('hex', at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}
