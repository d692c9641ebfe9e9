// Datagram ports: frames of the configured peer are received, and those of strangers are dropped, whatever they
// contain. Also tests multicast groups.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/protocol/request.ts';
import { type NativeFrameSocket, native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame, type Network, network } from '../support/network.ts';
import { freePort } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

/** The counters of port 2, which is under test. */
const row = ({ sw }: Network) => sw.counters().find(({ port }) => port === 2)!;

async function udpSocket(type: 'udp4' | 'udp6' = 'udp4'): Promise<{ socket: Socket; port: number; frames: Buffer[] }> {
  const socket = createSocket(type);
  atEnd(() => socket.close());
  const frames: Buffer[] = [];
  socket.on('message', (message) => frames.push(message));
  socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port, frames };
}

describe.each([
  ['udp4', '127.0.0.1', '127.0.0.1'],
  ['udp6', '::1', '[::1]'],
] as const)('a %s peer', (type, address, bracketed) => {
  test('only the peer is heard, and datagrams that are not frames are counted', async () => {
    const net = await network();
    const plug = await net.join();
    const [peer, stranger] = [await udpSocket(type), await udpSocket(type)];
    const port = await freePort(address);
    await net.sw.attach(`socket,udp=${bracketed}:${peer.port},localaddr=${bracketed}:${port}`);
    const there = frame(BROADCAST, A, 100);
    plug.send(there);
    await until(() => peer.frames.some((one) => one.equals(there)), 'a frame at the peer');

    stranger.socket.send(frame(BROADCAST, B, 100, 1), port, address);
    await until(() => row(net).receiveDrops.stranger === 1n, 'the frame of a stranger to be counted');
    const noFrames = [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(13, 255), Buffer.alloc(0)];
    for (const bytes of noFrames) peer.socket.send(bytes, port, address);
    await until(() => row(net).receiveDrops.too_short === 4n, 'the invalid datagrams to be counted');
    // Frames of a stranger and of the peer in one batch are told apart.
    const frames = Array.from({ length: 40 }, (_, i) => frame(BROADCAST, B, 60 + i, 100 + i));
    for (const [i, one] of frames.entries()) {
      stranger.socket.send(frame(BROADCAST, A, 300, i), port, address);
      peer.socket.send(one, port, address);
    }
    for (const one of frames) await plug.receives(one);
    expect(plug.frames).toHaveLength(40);
    await until(() => row(net).receiveDrops.stranger === 41n, 'every frame of the stranger to be counted');
    expect(peer.frames).toHaveLength(1);
  });
});

test('frames to a UDP address without a peer cause no error, and the peer is heard once it starts', async () => {
  const net = await network();
  const plug = await net.join();
  const [theirs, port] = [await freePort(), await freePort()];
  await net.sw.attach(
    `dgram,remote.type=inet,remote.host=127.0.0.1,remote.port=${theirs},local.host=127.0.0.1,local.port=${port}`,
  );
  for (let i = 0; i < 20; i++) plug.send(frame(BROADCAST, A, 60, i));
  await until(() => row(net).transmitBroadcast === 20n, 'twenty frames for nobody');
  const socket = createSocket('udp4');
  atEnd(() => socket.close());
  socket.bind(theirs, '127.0.0.1');
  await once(socket, 'listening');
  const sent = frame(BROADCAST, B, 60, 7);
  socket.send(sent, port, '127.0.0.1');
  await plug.receives(sent);
  expect(row(net).receiveDrops.error).toBe(0n);
});

/** The peer of a unix `dgram` port, bound to `own`; connected to `theirs`, if given, so that it can send. */
function unixPeer(own: string, theirs?: string): { socket: NativeFrameSocket; frames: Buffer[] } {
  const frames: Buffer[] = [];
  const address = theirs === undefined ? null : formatAddress(theirs);
  const socket = new native.FrameSocket(
    native.openDatagram(own, address),
    (more) => frames.push(...more),
    () => {},
  );
  atEnd(() => socket.close());
  return { socket, frames };
}

describe('a unix peer', () => {
  async function joined() {
    const net = await network({ hub: true });
    const plug = await net.join();
    const directory = temporaryDirectory();
    const [own, theirs] = [`${directory}/own`, `${directory}/theirs`];
    const spec = `dgram,id=d,local.type=unix,local.path=${own},remote.type=unix,remote.path=${theirs}`;
    await net.sw.attach(spec);
    return { net, plug, own, theirs, directory, spec };
  }

  test('only the peer is heard; datagrams of strangers, bound or not, are dropped and counted', async () => {
    const { net, plug, own, theirs, directory } = await joined();
    native.sendDatagram(own, 'fourteen bytes and a few more');
    await until(() => row(net).receiveDrops.stranger === 1n, 'the datagram of an unbound stranger');
    const stranger = unixPeer(`${directory}/stranger`, own);
    stranger.socket.send([frame(BROADCAST, B, 60, 1)]);
    await until(() => row(net).receiveDrops.stranger === 2n, 'the frame of a bound stranger');
    const peer = unixPeer(theirs, own);
    const sent = frame(BROADCAST, B, 60, 2);
    peer.socket.send([Buffer.alloc(0), Buffer.alloc(3), sent]);
    await plug.receives(sent);
    expect(plug.frames).toHaveLength(1);
    expect(row(net).receiveDrops.too_short).toBe(2n);
  });

  test('detaching a port removes its socket file, but keeps a file that has replaced it', async () => {
    const net = await network();
    const own = `${temporaryDirectory()}/own`;
    const spec = `dgram,id=d,local.path=${own},remote.type=unix,remote.path=/nowhere`;
    await net.sw.attach(spec);
    await net.sw.detach('d');
    expect(existsSync(own)).toBe(false);
    await net.sw.attach(spec);
    rmSync(own);
    writeFileSync(own, 'a successor');
    await net.sw.detach('d');
    expect(readFileSync(own, 'utf8')).toBe('a successor');
  });

  test('the peer is recognised by its path through a link, by its real path and by a relative path', async () => {
    const net = await network();
    const plug = await net.join();
    const [real, links] = [temporaryDirectory(), temporaryDirectory()];
    symlinkSync(real, `${links}/link`);
    const own = `${real}/own`;
    const written = relative(process.cwd(), `${links}/link/theirs`);
    await net.sw.attach(`dgram,local.path=${own},remote.type=unix,remote.path=${written}`);
    for (const [i, spelling] of [`${links}/link/theirs`, `${real}/theirs`, written].entries()) {
      const peer = unixPeer(spelling, own);
      const [here, there] = [frame(BROADCAST, B, 100, i), frame(BROADCAST, A, 100, i)];
      peer.socket.send([here]);
      await plug.receives(here);
      plug.send(there);
      await until(() => peer.frames.some((one) => one.equals(there)), 'a frame at the peer');
      peer.socket.close();
      rmSync(`${real}/theirs`);
    }
    unixPeer(`${real}/stranger`, own).socket.send([frame(BROADCAST, B, 100, 9)]);
    await until(() => row(net).receiveDrops.stranger === 1n, 'the frame of a bound stranger');
  });

  test('a peer that does not read costs no CPU, loses only its own frames and then gets the queued frames in order', async () => {
    const { net, plug, theirs } = await joined();
    const peer = unixPeer(theirs);
    peer.socket.pause();
    const other = await net.join();
    for (let i = 0; i < 1000; i++) {
      const one = frame(BROADCAST, A, 1000, i);
      plug.send(one);
      if (i % 50 === 49) await other.receives(one);
    }
    await until(() => row(net).queueFrames === 256n, 'a full queue');
    const idle = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 300)); // the time over which the CPU use is measured
    const used = process.cpuUsage(idle);
    expect(used.user + used.system).toBeLessThan(150_000); // microseconds: a loop that spins takes all 300,000
    peer.socket.resume();
    await until(() => BigInt(peer.frames.length) === row(net).transmitBroadcast, 'the queued frames');
    for (const [i, one] of peer.frames.entries()) expect(one.equals(frame(BROADCAST, A, 1000, i))).toBe(true);
    expect(row(net).transmitBroadcast + row(net).transmitDrops.queue_full!).toBe(1000n);
  });

  test('frames queued for a peer that ends are dropped, and its successor gets the next frame', async () => {
    const { net, plug, theirs } = await joined();
    const first = unixPeer(theirs);
    first.socket.pause();
    for (let i = 0; i < 60; i++) plug.send(frame(BROADCAST, A, 1000, i));
    await until(() => row(net).queueFrames > 40n, 'queued frames');
    first.socket.close();
    await until(() => row(net).queueFrames === 0n, 'an empty queue');
    expect(row(net).transmitDrops.peer_gone).toBeGreaterThan(0n);
    rmSync(theirs);
    const second = unixPeer(theirs);
    const sent = frame(BROADCAST, A, 100, 9);
    plug.send(sent);
    await until(() => second.frames.some((one) => one.equals(sent)), 'a frame at the second');
  });

  test('the socket file has the requested mode, is removed with the port and replaces only a stale socket', async () => {
    const { net, own, directory, spec } = await joined();
    expect(statSync(own).mode & 0o777).toBe(0o600);
    await expect(net.sw.attach(spec.replace('id=d', 'id=e'))).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await net.sw.detach('d');
    expect(existsSync(own)).toBe(false);
    native.closeDescriptor(native.openDatagram(own, null)); // a stale socket
    await net.sw.attach(`${spec},mode=666`);
    expect(statSync(own).mode & 0o777).toBe(0o666);
    writeFileSync(`${directory}/file`, '');
    await expect(
      net.sw.attach(`dgram,local.path=${directory}/file,remote.type=unix,remote.path=/x`),
    ).rejects.toMatchObject({ code: 'EADDRINUSE', message: expect.stringContaining(`${directory}/file`) });
    expect(existsSync(`${directory}/file`)).toBe(true);
  });
});

test('invalid datagrams to a group are counted, and frames of the group still pass', async () => {
  const net = await network();
  const plug = await net.join();
  const port = await freePort();
  await net.sw.attach(`socket,mcast=230.0.0.4:${port},localaddr=127.0.0.1`);
  const member = createSocket('udp4');
  atEnd(() => member.close());
  member.bind(0, '127.0.0.1');
  await once(member, 'listening');
  member.setMulticastInterface('127.0.0.1');
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(5), Buffer.alloc(0)]) member.send(bytes, port, '230.0.0.4');
  await until(() => row(net).receiveDrops.too_short === 3n, 'the invalid datagrams to be counted');
  const sent = frame(BROADCAST, B, 60, 3);
  member.send(sent, port, '230.0.0.4');
  await plug.receives(sent);
});

test.each([
  ['socket,mcast=192.0.2.1:5', 'EINVAL', /192\.0\.2\.1 is not a multicast group/],
  ['socket,udp=[ff15::1]:5,localaddr=[::1]:6', 'EINVAL', /ff15::1 is an IPv6 multicast group: only IPv4 groups/],
  [
    'dgram,remote.type=inet,remote.host=FF15::1,remote.port=5,local.port=6',
    'EINVAL',
    /^FF15::1 is an IPv6 multicast group: only IPv4 groups, 224\.0\.0\.0\/4, can be joined$/,
  ],
  ['socket,udp=127.0.0.1:5,localaddr=192.0.2.77:6', 'EIO', /cannot receive on 192\.0\.2\.77:6 .*: Cannot assign/],
  ['socket,udp=127.0.0.1:5', 'EINVAL', /udp needs localaddr=/],
  ['socket,udp=::1:5,localaddr=:6', 'EINVAL', /udp is '::1:5': it must be HOST:PORT, an IPv6 address in brackets/],
  ['socket,localaddr=127.0.0.1:6,listen=:7', 'EINVAL', /localaddr goes only with udp or mcast/],
  ['socket,listen=:7,connect=a:8', 'EINVAL', /exactly one of listen, connect, udp and mcast/],
  ['dgram,remote.type=unix,remote.path=/a', 'EINVAL', /local\.path is missing/],
  ['dgram,remote.type=inet,remote.host=127.0.0.1,remote.port=5', 'EINVAL', /local\.port is missing/],
  [
    'dgram,remote.type=inet,remote.host=127.0.0.1,remote.port=5,local.port=6,ttl=3',
    'EINVAL',
    /ttl goes only with a multicast/,
  ],
  ['dgram,remote.type=inet,remote.host=127.0.0.1,remote.port=5,local.type=unix', 'EINVAL', /local\.type is unix/],
  [`dgram,remote.type=unix,remote.path=/${'x'.repeat(107)},local.path=/a`, 'ENAMETOOLONG', /room for 107/],
  ['stream,addr.type=inet,addr.port=5,addr.ipv4=off,addr.ipv6=off', 'EINVAL', /cannot both be off/],
  [
    'stream,addr.type=inet,addr.host=127.0.0.1,addr.port=0',
    'EINVAL',
    /cannot connect to 127\.0\.0\.1:0: give the port that/,
  ],
  ['socket,connect=127.0.0.1:0', 'EINVAL', /cannot connect to 127\.0\.0\.1:0/],
  ['stream,addr.type=inet,addr.port=70000', 'EINVAL', /addr\.port is '70000': it must be a number from 0 to 65535/],
  ['stream,addr.type=fd', 'EINVAL', /addr\.type is 'fd': it must be inet or unix/],
  ['stream,addr.type=unix', 'EINVAL', /addr\.path is missing/],
  ['stream,addr.type=unix,addr.path=/a,addr.host=b', 'EINVAL', /addr\.host goes only with addr\.type=inet/],
  ['stream,addr.type=unix,addr.path=/a,max-clients=3', 'EINVAL', /max-clients goes only with server=on/],
  ['stream,server=on,addr.type=unix,addr.path=/a,reconnect-ms=3', 'EINVAL', /reconnect-ms goes only with server=off/],
  ['stream,server=on,addr.type=inet,addr.port=0,mode=660', 'EINVAL', /mode and group go only with the path/],
  [
    'dgram,remote.type=unix,remote.path=/a,local.path=b,local.abstract=on,mode=660',
    'EINVAL',
    /mode goes only with a path/,
  ],
  ['stream,server=yes,addr.type=unix,addr.path=/a', 'EINVAL', /server is 'yes': it must be on or off/],
  ['stream,server=on,addr.type=unix,addr.path=/nowhere/at/all', 'EIO', /\/nowhere\/at\/all.*No such file or directory/],
  [
    'stream,server=on,addr.type=unix,addr.path=/tmp/a,group=no-such-group',
    'EINVAL',
    /there is no group 'no-such-group'/,
  ],
])('%s is refused and leaves nothing behind', async (spec, code, message) => {
  const net = await network();
  await expect(net.sw.attach(spec)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(net.sw.ports.list()).toEqual([]);
  expect(net.sw.attachments()).toEqual([]);
});
