// Ports of streams: their clients come, go, are too many, send what is no frame, or read nothing at all, and nobody else notices.
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { dial } from '../../src/backends/dial.ts';
import type { EndpointInfo } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { serveConsole } from '../support/console.ts';
import { BROADCAST, frame, type Network, network, type Recorder } from '../support/network.ts';
import { freePort, StreamPeer, StreamServer, wire } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

interface Served {
  net: Network;
  plug: Recorder;
  path: string;
  join(): Promise<StreamPeer>;
}

/** A switch with a plug on port 1, which listens for streams on a unix socket. */
async function served(keys = ''): Promise<Served> {
  const net = await network({ hub: true });
  const plug = await net.join();
  const path = `${temporaryDirectory()}/s`;
  await net.sw.attach(`stream,id=s,server=on,addr.type=unix,addr.path=${path}${keys}`);
  const join = async () => {
    const before = net.sw.attachments()[0]!.ports.length;
    const peer = await StreamPeer.connect({ path });
    await until(() => peer.ended || net.sw.attachments()[0]!.ports.length > before, 'a port for the client');
    return peer;
  };
  return { net, plug, path, join };
}

const rowOf = ({ net }: Served, port: number) => net.sw.counters().find((row) => row.port === port)!;

async function works({ plug }: Served, peer: StreamPeer, mark = 1): Promise<void> {
  const there = frame(BROADCAST, A, 100, mark);
  plug.send(there);
  await peer.receives(there);
  const here = frame(BROADCAST, B, 100, mark);
  peer.send(here);
  await plug.receives(here);
}

describe('a listening port', () => {
  test('gives each client a port of its own, and says who it is', async () => {
    const net = await served();
    const peers = [await net.join(), await net.join(), await net.join()];
    expect(net.net.sw.attachments()[0]).toMatchObject({ ports: [2, 3, 4], stats: { connections: 3, refused: 0 } });
    for (const [i, peer] of peers.entries()) await works(net, peer, i);
    const [endpoint] = net.net.sw.ports.get(2)!.endpoints;
    expect(endpoint).toMatchObject({
      kind: 'stream',
      attachment: 's',
      description: `pid ${process.pid}, uid ${process.getuid!()}`,
    });
    const mark = frame(BROADCAST, A, 200);
    peers[0]!.send(mark);
    await Promise.all([net.plug.receives(mark), peers[1]!.receives(mark), peers[2]!.receives(mark)]);

    peers[1]!.socket.destroy();
    await until(() => net.net.sw.ports.get(3)?.active === false, 'the end of its port');
    expect(net.net.sw.attachments()[0]!.ports).toEqual([2, 4]);
    await works(net, await net.join(), 9);
    expect(net.net.sw.attachments()[0]!.ports).toEqual([2, 3, 4]);
  });

  test('refuses more than max-clients, once in the log, and takes another when one has left', async () => {
    const net = await served(',max-clients=2');
    const peers = [await net.join(), await net.join()];
    const tooMany = [await net.join(), await net.join()];
    await until(() => tooMany.every(({ ended }) => ended), 'the refused ones to see their end');
    expect(net.net.sw.attachments()[0]!.stats).toEqual({ connections: 2, refused: 2 });
    expect(
      net.net.log.filter((line) => line.includes('s: clients are refused: there are already 2 clients')),
    ).toHaveLength(1);
    for (const peer of peers) await works(net, peer);
    peers[0]!.socket.destroy();
    await until(() => net.net.sw.ports.get(2)?.active === false, 'a free place');
    await works(net, await net.join(), 3);
  });

  test('refuses who finds no port free', async () => {
    const net = await served(',switchport=7');
    net.net.sw.ports.limit = 8;
    await works(net, await net.join());
    await works(net, await net.join(), 2);
    expect(net.net.sw.attachments()[0]!.ports).toEqual([7, 8]);
    const third = await net.join();
    await until(() => third.ended, 'its end');
    expect(net.net.log.join('\n')).toContain('clients are refused: ports 7 to 134 are in use');
  });

  test('is detached by its id without a client, by any of its ports with all of them', async () => {
    const net = await served();
    const { sw } = net.net;
    await sw.detach('s');
    expect(existsSync(net.path)).toBe(false);
    await sw.attach(`stream,id=s,server=on,addr.type=unix,addr.path=${net.path}`);
    const peers = [await net.join(), await net.join()];
    await sw.detach(3);
    await until(() => peers.every(({ ended }) => ended), 'the end of both');
    expect(sw.ports.list().filter(({ active }) => active)).toHaveLength(1);
    await expect(sw.detach(3)).rejects.toMatchObject({ code: 'ENXIO' });
    await expect(sw.detach(40_000)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('gives its clients their VLAN, and takes it back', async () => {
    const net = await served(',vlan=5');
    const { sw } = net.net;
    const peer = await net.join();
    expect(sw.ports.get(2)?.untaggedVlan).toBe(5);
    peer.socket.destroy();
    await until(() => sw.ports.get(2)?.active === false, 'its end');
    expect(sw.ports.get(2)?.untaggedVlan).toBe(0);
  });

  test('replaces neither a live socket nor a file that is none', async () => {
    const net = await served(',mode=660');
    expect(statSync(net.path).mode & 0o777).toBe(0o660);
    await expect(net.net.sw.attach(`stream,server=on,addr.type=unix,addr.path=${net.path}`)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    const file = `${temporaryDirectory()}/file`;
    writeFileSync(file, 'mine');
    await expect(net.net.sw.attach(`stream,server=on,addr.type=unix,addr.path=${file}`)).rejects.toMatchObject({
      code: 'EEXIST',
      message: expect.stringContaining('is in the way and is not a socket'),
    });
    await until(() => net.net.sw.attachments()[0]!.ports.length === 0, 'the one who looked to have left');
    await works(net, await net.join());
  });

  test('port/epclose ends that client alone', async () => {
    const net = await served();
    const peers = [await net.join(), await net.join()];
    net.net.sw.ports.closeEndpoint(2, net.net.sw.ports.get(2)!.endpoints[0]!.id);
    await until(() => peers[0]!.ended, 'the end of the first');
    await works(net, peers[1]!);
    expect(net.net.sw.ports.get(2)).toMatchObject({ active: false, attachment: undefined });
  });

  test('port/epclose has happened when it is answered: the port can be removed', async () => {
    const net = await served();
    await net.join();
    const console = await (await serveConsole(net.net)).connect();
    const [{ id }] = net.net.sw.ports.get(2)!.endpoints as [EndpointInfo];
    console.socket.write(`port/epclose 2 ${id}\nport/remove 2\nport/create 2\n`);
    expect((await console.replies(3)).match(/\b1\d{3}\b/g)).toEqual(['1000', '1000', '1000']);
  });

  test('a switch that is closed leaves no descriptor and no file', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const net = await served();
    const peers = await Promise.all(Array.from({ length: 20 }, () => StreamPeer.connect({ path: net.path })));
    await until(() => net.net.sw.attachments()[0]!.ports.length === 20, 'twenty clients');
    await net.net.sw.close();
    await until(() => peers.every(({ ended }) => ended), 'the end of all');
    expect(existsSync(net.path)).toBe(false);
    net.plug.plug.close();
    await until(() => descriptors() <= before, 'the descriptors there were');
  });
});

describe('a client that sends what is no frame', () => {
  test.each([
    ['a huge length', Buffer.from('ffffffff', 'hex')],
    ['one byte more than QEMU takes', Buffer.from('00011001', 'hex')],
    ['text', Buffer.from('GET / HTTP/1.0\r\n\r\n')],
    ['a frame, and then text', Buffer.concat([wire(frame(BROADCAST, B)), Buffer.from('hello, world')])],
  ])('%s: its connection ends, it is counted, and nothing else happens', async (_, bytes) => {
    const net = await served();
    const [bad, good] = [await net.join(), await net.join()];
    bad.socket.write(bytes);
    await until(() => bad.ended, 'the end of its connection');
    expect(rowOf(net, 2).receiveDrops.bad_length).toBe(1n);
    expect(net.net.log.join('\n')).toMatch(
      /s: port 2: pid \d+, uid \d+ disconnected: it sent a length that no frame has/,
    );
    await works(net, good);
    await works(net, await net.join(), 2);
  });

  test('length 0, too short, and longer than a frame may be: counted, and it goes on', async () => {
    const net = await served();
    const peer = await net.join();
    peer.socket.write(Buffer.alloc(40)); // ten frames of no bytes
    peer.send(Buffer.alloc(13, 1));
    peer.send(Buffer.alloc(65536, 1));
    peer.send(Buffer.alloc(69632, 1));
    await works(net, peer);
    expect(rowOf(net, 2).receiveDrops).toMatchObject({ too_short: 11n, too_long: 2n, bad_length: 0n });
    expect(peer.frames.every(({ length }) => length >= 60)).toBe(true);
    expect(net.plug.frames.every(({ length }) => length >= 60)).toBe(true);
  });

  test('random bytes, from many at once', async () => {
    const net = await served();
    const good = await net.join();
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 16;
    };
    const bad = await Promise.all(Array.from({ length: 30 }, () => StreamPeer.connect({ path: net.path })));
    for (const { socket } of bad) socket.end(Buffer.from(Array.from({ length: 5000 }, random)));
    await until(() => bad.every(({ ended }) => ended), 'the end of them');
    await until(() => net.net.sw.attachments()[0]!.stats.connections === 1, 'their places to be free');
    await works(net, good);
  });

  test('one byte at a time, which is a frame in the end, while others go on', async () => {
    const net = await served();
    const [slow, good] = [await net.join(), await net.join()];
    const sent = frame(BROADCAST, B, 60, 77);
    slow.socket.setNoDelay(true);
    for (const [i, byte] of wire(sent).entries()) {
      slow.socket.write(Buffer.from([byte]));
      if (i % 16 === 0) await works(net, good, i);
    }
    await net.plug.receives(sent);
  });

  test('half a frame, and the end: the next client begins anew', async () => {
    const net = await served();
    const first = await net.join();
    first.socket.end(wire(frame(BROADCAST, B, 1000)).subarray(0, 500));
    await until(() => first.ended, 'its end');
    await until(() => net.net.sw.ports.get(2)?.active === false, 'a free port');
    const second = await net.join();
    await works(net, second);
    expect(net.plug.frames).toHaveLength(1);
  });
});

test('a client that reads nothing loses its own frames, counted, delays nobody, and then reads whole ones', async () => {
  const net = await served();
  const [sleeper, good] = [await net.join(), await net.join()];
  sleeper.socket.pause();
  const sent = 3000;
  for (let i = 0; i < sent; i++) {
    const one = frame(BROADCAST, A, 1500, i);
    net.plug.send(one);
    if (i % 50 === 49) await good.receives(one);
  }
  const row = () => rowOf(net, 2);
  await until(() => rowOf(net, 3).transmitBroadcast === BigInt(sent), 'all of them at the other client');
  expect(row().queueFrames).toBe(256n);
  expect(row().transmitBroadcast + row().transmitDrops.queue_full!).toBe(BigInt(sent));
  sleeper.socket.resume();
  await until(() => BigInt(sleeper.frames.length) === row().transmitBroadcast, 'what had waited');
  for (const [i, one] of sleeper.frames.entries()) expect(one.equals(frame(BROADCAST, A, 1500, i))).toBe(true);
  await works(net, sleeper, 0xfffff);
});

describe('a connecting port', () => {
  test('carries what the server sends with its first breath', async () => {
    const net = await network();
    const plug = await net.join();
    const server = await StreamServer.listen({ port: 0, host: '127.0.0.1' });
    const greeting = frame(BROADCAST, B, 100, 5);
    void server.peer().then((peer) => peer.send(greeting));
    await net.sw.attach(`socket,connect=127.0.0.1:${server.port}`);
    await plug.receives(greeting);
  });

  test('tries again until there is a server, keeps its port meanwhile, and counts', async () => {
    const net = await network();
    const plug = await net.join();
    const port = await freePort();
    await net.sw.attach(`socket,id=c,connect=127.0.0.1:${port},reconnect-ms=20,switchport=9`);
    expect(net.sw.ports.get(9)).toMatchObject({ active: false, attachment: 'c' });
    await expect(net.join({ port: 9 })).rejects.toThrow(/refused/);
    expect(() => net.sw.ports.remove(9)).toThrow(/reserved for 'c'/);
    for (let round = 0; round < 3; round++) {
      const server = await StreamServer.listen({ port, host: '127.0.0.1' });
      const peer = await server.peer();
      await until(() => net.sw.ports.get(9)?.active, 'the connection');
      const sent = frame(BROADCAST, A, 100, round);
      plug.send(sent);
      await peer.receives(sent);
      expect(net.sw.attachments()[0]?.stats).toEqual({ connections: 1, reconnects: round });
      server.close();
      await until(() => !net.sw.ports.get(9)?.active, 'its end');
    }
    const failures = net.log.filter((line) => line.includes('trying again'));
    expect(failures.length).toBeLessThanOrEqual(4); // one a loss, however often it has tried
    await net.sw.detach('c');
    await net.join({ port: 9 });
  });

  test('reconnect-ms=0: a server that is not there is a refusal, and one that goes is the end', async () => {
    const net = await network();
    const port = await freePort();
    const spec = `socket,connect=127.0.0.1:${port},reconnect-ms=0`;
    await expect(net.sw.attach(spec)).rejects.toMatchObject({
      code: 'EIO',
      message: `cannot connect to 127.0.0.1:${port}: Connection refused`,
    });
    expect(net.sw.ports.list()).toEqual([]);
    const server = await StreamServer.listen({ port, host: '127.0.0.1' });
    await net.sw.attach(spec);
    await server.peer();
    server.close();
    await until(() => net.sw.attachments().length === 0, 'its end');
    expect(net.sw.ports.get(1)).toMatchObject({ active: false, attachment: undefined });
  });

  test('a server that sends what is no frame is left, counted, and tried again', async () => {
    const net = await network();
    const server = await StreamServer.listen({ port: 0, host: '127.0.0.1' });
    await net.sw.attach(`socket,connect=127.0.0.1:${server.port},reconnect-ms=20`);
    (await server.peer()).socket.write('no frame at all');
    const second = await server.peer(2);
    await until(() => net.sw.ports.get(1)?.active, 'the second connection');
    expect(net.sw.counters()[0]!.receiveDrops.bad_length).toBe(1n);
    const plug = await net.join();
    const sent = frame(BROADCAST, A, 70);
    plug.send(sent);
    await second.receives(sent);
  });

  test('a name with several addresses: the one that answers', async () => {
    const net = await network();
    const server = await StreamServer.listen({ port: 0, host: '127.0.0.1' });
    await net.sw.attach(`socket,connect=localhost:${server.port},reconnect-ms=0`);
    await server.peer();
  });

  test('is detached while it tries', async () => {
    const net = await network();
    const port = await freePort();
    await net.sw.attach(`socket,id=c,connect=127.0.0.1:${port},reconnect-ms=1`);
    await net.sw.detach('c');
    const server = await StreamServer.listen({ port, host: '127.0.0.1' });
    const probe = connect(port, '127.0.0.1');
    atEnd(() => probe.destroy());
    await server.peer();
    expect(server.peers).toHaveLength(1);
  });

  test.each([
    ['connect', 'c'],
    ['connect', 5],
    ['udp', 'c'],
  ] as const)(
    '%s=, detached as %s while it is being opened, is given up, and whoever attached it told',
    async (key, which) => {
      const { sw } = await network();
      const server = await StreamServer.listen({ port: 0, host: '127.0.0.1' });
      const more = key === 'udp' ? 'localaddr=127.0.0.1:0' : 'reconnect-ms=0';
      const spec = `socket,id=c,switchport=5,${key}=localhost:${server.port},${more}`;
      const message = 'c was detached before it was open';
      const told = expect(sw.attach(spec)).rejects.toMatchObject({ code: 'ENODEV', message });
      await sw.detach(which);
      await told;
      expect([sw.attachments(), sw.ports.list(), server.peers]).toEqual([[], [], []]);
      await sw.attach(spec);
      expect(sw.attachments()).toMatchObject([{ id: 'c', ports: [5] }]);
    },
  );

  test('is detached while a name is looked up: none of its addresses is connected to', async () => {
    const server = await StreamServer.listen({ port: 0, host: '127.0.0.1' });
    const over = new AbortController();
    const address = { type: 'inet', host: 'localhost', port: server.port, family: 0, keepAlive: false } as const;
    const dialed = dial(address, over.signal);
    over.abort();
    await expect(dialed).rejects.toThrow("cannot find 'localhost'");
    const probe = connect(server.port, '127.0.0.1');
    atEnd(() => probe.destroy());
    await until(() => server.peers.some(({ socket }) => socket.remotePort === probe.localPort), 'who came after it');
    expect(server.peers).toHaveLength(1);
  });
});
