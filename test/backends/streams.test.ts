// Stream ports whose clients connect and disconnect, are too many, send invalid frames or do not read. Other ports are
// not affected.
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { dial } from '../../src/backends/dial.ts';
import type { EndpointInfo } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { serveConsole } from '../support/console.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network, Recorder } from '../support/network.ts';
import { tsvde } from '../support/process.ts';
import { freePort, StreamPeer, StreamServer, wire } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

interface Served {
  net: Network;
  plug: Recorder;
  path: string;
  join(): Promise<StreamPeer>;
}

/** A switch with a plug on port 1 and an attachment that listens for streams on a unix socket. */
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

async function exchangeFrames({ plug }: Served, peer: StreamPeer, mark = 1): Promise<void> {
  const there = frame(BROADCAST, A, 100, mark);
  plug.send(there);
  await peer.receives(there);
  const here = frame(BROADCAST, B, 100, mark);
  peer.send(here);
  await plug.receives(here);
}

describe('a listening port', () => {
  test('each client gets its own port, with its pid and uid as the description', async () => {
    const net = await served();
    const peers = [await net.join(), await net.join(), await net.join()];
    expect(net.net.sw.attachments()[0]).toMatchObject({ ports: [2, 3, 4], stats: { connections: 3, refused: 0 } });
    for (const [i, peer] of peers.entries()) await exchangeFrames(net, peer, i);
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
    await until(() => net.net.sw.ports.get(3)?.active === false, 'the end of the port');
    expect(net.net.sw.attachments()[0]!.ports).toEqual([2, 4]);
    await exchangeFrames(net, await net.join(), 9);
    expect(net.net.sw.attachments()[0]!.ports).toEqual([2, 3, 4]);
  });

  test('clients beyond max-clients are refused with one log line, and a disconnect makes room for another', async () => {
    const net = await served(',max-clients=2');
    const peers = [await net.join(), await net.join()];
    const tooMany = [await net.join(), await net.join()];
    await until(() => tooMany.every(({ ended }) => ended), 'the end of the refused clients');
    expect(net.net.sw.attachments()[0]!.stats).toEqual({ connections: 2, refused: 2 });
    expect(
      net.net.log.filter((line) => line.includes('s: clients are refused: there are already 2 clients')),
    ).toHaveLength(1);
    for (const peer of peers) await exchangeFrames(net, peer);
    peers[0]!.socket.destroy();
    await until(() => net.net.sw.ports.get(2)?.active === false, 'a free port');
    await exchangeFrames(net, await net.join(), 3);
  });

  test('clients that connect and disconnect many times cause 20 log lines, and a count of the rest', async () => {
    const net = await served('');
    const lines = () => net.net.log.filter((line) => / disconnected: /.test(line)).length;
    for (let i = 0; i < 30; i++) {
      const peer = await net.join();
      peer.socket.destroy();
      await until(() => net.net.sw.attachments()[0]!.ports.length === 0, 'the end of the client');
    }
    expect(lines()).toBe(19); // and a line said where it listens
    await net.net.sw.detach('s');
    expect(net.net.log.at(-1)).toBe('s: 11 more lines meanwhile');
  });

  test('clients that are refused between others cause no more log lines than the limit', async () => {
    const net = await served(',max-clients=1');
    const ports = () => net.net.sw.attachments()[0]!.ports.length;
    for (let i = 0; i < 40; i++) {
      const [first, refused] = [await net.join(), await net.join()];
      await until(() => refused.ended, 'the refusal');
      first.socket.destroy();
      await until(() => ports() === 0, 'the end of the client');
    }
    expect(net.net.log.length).toBeLessThanOrEqual(20);
  });

  test('a client is refused when no port is free', async () => {
    const net = await served(',switchport=7');
    net.net.sw.ports.limit = 8;
    await exchangeFrames(net, await net.join());
    await exchangeFrames(net, await net.join(), 2);
    expect(net.net.sw.attachments()[0]!.ports).toEqual([7, 8]);
    const third = await net.join();
    await until(() => third.ended, 'the end of the third client');
    expect(net.net.log.join('\n')).toContain('clients are refused: ports 7 to 134 are in use');
  });

  test('an attachment is detached, with all of its clients, by its id or by any of its ports', async () => {
    const net = await served();
    const { sw } = net.net;
    await sw.detach('s');
    expect(existsSync(net.path)).toBe(false);
    await sw.attach(`stream,id=s,server=on,addr.type=unix,addr.path=${net.path}`);
    const peers = [await net.join(), await net.join()];
    await sw.detach(3);
    await until(() => peers.every(({ ended }) => ended), 'the end of both clients');
    expect(sw.ports.list().filter(({ active }) => active)).toHaveLength(1);
    await expect(sw.detach(3)).rejects.toMatchObject({ code: 'ENXIO' });
    await expect(sw.detach(40_000)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('a port has the VLAN of the spec until its client disconnects', async () => {
    const net = await served(',vlan=5');
    const { sw } = net.net;
    const peer = await net.join();
    expect(sw.ports.get(2)?.untaggedVlan).toBe(5);
    peer.socket.destroy();
    await until(() => sw.ports.get(2)?.active === false, 'the end of the client');
    expect(sw.ports.get(2)?.untaggedVlan).toBe(0);
  });

  test('a port whose earlier VLAN was removed meanwhile is in VLAN 0 once its client disconnects', async () => {
    const net = await served(',vlan=5');
    const { sw } = net.net;
    sw.vlans.create(7);
    sw.ports.create(2);
    sw.ports.setAllocatable(2, true);
    sw.vlans.setUntagged(7, 2);
    const peer = await net.join();
    expect(sw.ports.get(2)?.untaggedVlan).toBe(5);
    sw.vlans.remove(7);
    peer.socket.destroy();
    await until(() => sw.ports.get(2)?.active === false, 'the end of the client');
    expect(sw.ports.get(2)).toMatchObject({ untaggedVlan: 0, vlans: new Set([0]), attachment: undefined });
    await exchangeFrames(net, await net.join());
  });

  test('a socket in use and a file that is not a socket are not replaced', async () => {
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
    await until(() => net.net.sw.attachments()[0]!.ports.length === 0, 'the end of the probe connection');
    await exchangeFrames(net, await net.join());
  });

  test('port/epclose ends only its own client', async () => {
    const net = await served();
    const peers = [await net.join(), await net.join()];
    net.net.sw.ports.closeEndpoint(2, net.net.sw.ports.get(2)!.endpoints[0]!.id);
    await until(() => peers[0]!.ended, 'the end of the first');
    await exchangeFrames(net, peers[1]!);
    expect(net.net.sw.ports.get(2)).toMatchObject({ active: false, attachment: undefined });
  });

  test('the port can be removed as soon as port/epclose is answered', async () => {
    const net = await served();
    await net.join();
    const console = await (await serveConsole(net.net)).connect();
    const [{ id }] = net.net.sw.ports.get(2)!.endpoints as [EndpointInfo];
    console.socket.write(`port/epclose 2 ${id}\nport/remove 2\nport/create 2\n`);
    expect((await console.replies(3)).match(/\b1\d{3}\b/g)).toEqual(['1000', '1000', '1000']);
  });

  test('a closed switch leaves no descriptor and no file', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const net = await served();
    const peers = await Promise.all(Array.from({ length: 20 }, () => StreamPeer.connect({ path: net.path })));
    await until(() => net.net.sw.attachments()[0]!.ports.length === 20, 'twenty clients');
    await net.net.sw.close();
    await until(() => peers.every(({ ended }) => ended), 'the end of all clients');
    expect(existsSync(net.path)).toBe(false);
    net.plug.plug.close();
    await until(() => descriptors() <= before, 'no more descriptors than before');
  });
});

describe('a client that sends invalid frames', () => {
  test.each([
    ['a huge length', Buffer.from('ffffffff', 'hex')],
    ['a length one byte above the limit of QEMU', Buffer.from('00011001', 'hex')],
    ['text', Buffer.from('GET / HTTP/1.0\r\n\r\n')],
    ['text after a frame', Buffer.concat([wire(frame(BROADCAST, B)), Buffer.from('hello, world')])],
  ])('%s ends the connection, is counted and does not affect other clients', async (_, bytes) => {
    const net = await served();
    const [bad, good] = [await net.join(), await net.join()];
    bad.socket.write(bytes);
    await until(() => bad.ended, 'the end of the connection');
    expect(rowOf(net, 2).receiveDrops.bad_length).toBe(1n);
    expect(net.net.log.join('\n')).toMatch(/s: port 2: pid \d+, uid \d+ disconnected: it sent an invalid frame length/);
    await exchangeFrames(net, good);
    await exchangeFrames(net, await net.join(), 2);
  });

  test('frames that are empty, too short or too long are counted, and the connection stays open', async () => {
    const net = await served();
    const peer = await net.join();
    peer.socket.write(Buffer.alloc(40)); // ten frames of no bytes
    peer.send(Buffer.alloc(13, 1));
    peer.send(Buffer.alloc(65536, 1));
    peer.send(Buffer.alloc(69632, 1));
    await exchangeFrames(net, peer);
    expect(rowOf(net, 2).receiveDrops).toMatchObject({ too_short: 11n, too_long: 2n, bad_length: 0n });
    expect(peer.frames.every(({ length }) => length >= 60)).toBe(true);
    expect(net.plug.frames.every(({ length }) => length >= 60)).toBe(true);
  });

  test('random bytes from many clients do not affect another client', async () => {
    const net = await served();
    const good = await net.join();
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 16;
    };
    const bad = await Promise.all(Array.from({ length: 30 }, () => StreamPeer.connect({ path: net.path })));
    for (const { socket } of bad) socket.end(Buffer.from(Array.from({ length: 5000 }, random)));
    await until(() => bad.every(({ ended }) => ended), 'the end of the clients');
    await until(() => net.net.sw.attachments()[0]!.stats.connections === 1, 'their ports to be free');
    await exchangeFrames(net, good);
  });

  test('a frame sent a byte at a time arrives and does not delay other clients', async () => {
    const net = await served();
    const [slow, good] = [await net.join(), await net.join()];
    const sent = frame(BROADCAST, B, 60, 77);
    slow.socket.setNoDelay(true);
    for (const [i, byte] of wire(sent).entries()) {
      slow.socket.write(Buffer.from([byte]));
      if (i % 16 === 0) await exchangeFrames(net, good, i);
    }
    await net.plug.receives(sent);
  });

  test('half a frame before a disconnect is not mixed with the frames of the next client', async () => {
    const net = await served();
    const first = await net.join();
    first.socket.end(wire(frame(BROADCAST, B, 1000)).subarray(0, 500));
    await until(() => first.ended, 'the end of the first client');
    await until(() => net.net.sw.ports.get(2)?.active === false, 'a free port');
    const second = await net.join();
    await exchangeFrames(net, second);
    expect(net.plug.frames).toHaveLength(1);
  });
});

test('a client that does not read loses only its own frames, delays nobody and then reads whole frames', async () => {
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
  await until(() => rowOf(net, 3).transmitBroadcast === BigInt(sent), 'all frames at the other client');
  expect(row().queueFrames).toBe(256n);
  expect(row().transmitBroadcast + row().transmitDrops.queue_full!).toBe(BigInt(sent));
  sleeper.socket.resume();
  await until(() => BigInt(sleeper.frames.length) === row().transmitBroadcast, 'the queued frames');
  for (const [i, one] of sleeper.frames.entries()) expect(one.equals(frame(BROADCAST, A, 1500, i))).toBe(true);
  await exchangeFrames(net, sleeper, 0xfffff);
});

describe('a connecting port', () => {
  test('a frame that the server sends at once is carried', async () => {
    const net = await network();
    const plug = await net.join();
    const server = await StreamServer.listen({ port: 0, host: '127.0.0.1' });
    const greeting = frame(BROADCAST, B, 100, 5);
    void server.peer().then((peer) => peer.send(greeting));
    await net.sw.attach(`socket,connect=127.0.0.1:${server.port}`);
    await plug.receives(greeting);
  });

  test('a connecting port retries until the server listens, keeps its reservation and counts reconnects', async () => {
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
      await until(() => !net.sw.ports.get(9)?.active, 'the end of the connection');
    }
    const failures = net.log.filter((line) => line.includes('trying again'));
    expect(failures.length).toBeLessThanOrEqual(4); // one at the start and one for each loss, not one for each attempt
    await net.sw.detach('c');
    await net.join({ port: 9 });
  });

  test('reconnect-ms=0 refuses a missing server, and the end of the connection detaches the port', async () => {
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
    await until(() => net.sw.attachments().length === 0, 'the end of the attachment');
    expect(net.sw.ports.get(1)).toMatchObject({ active: false, attachment: undefined });
  });

  test('a server that sends invalid frames is counted, disconnected and connected to again', async () => {
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

  test('a port detached between attempts does not connect again', async () => {
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
    'a spec with %s= that is detached by its id or port (%s) while it opens is rejected, and can be attached again',
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

  test('a dial aborted during the name lookup connects to none of the addresses', async () => {
    const server = await StreamServer.listen({ port: 0, host: '127.0.0.1' });
    const over = new AbortController();
    const address = { type: 'inet', host: 'localhost', port: server.port, family: 0, keepAlive: false } as const;
    const dialed = dial(address, over.signal);
    over.abort();
    await expect(dialed).rejects.toThrow("cannot find 'localhost'");
    const probe = connect(server.port, '127.0.0.1');
    atEnd(() => probe.destroy());
    await until(() => server.peers.some(({ socket }) => socket.remotePort === probe.localPort), 'the probe connection');
    expect(server.peers).toHaveLength(1);
  });
});

describeWith(['root', 'ip'], 'a name with three addresses', () => {
  const ADDRESSES = ['127.0.0.2', '127.0.0.1', '127.0.0.3'];

  // Whatever the order in which the addresses are tried, in two of these three tests the server is not at the first.
  test.each(ADDRESSES)('leads to the one that answers, %s', async (address) => {
    const space = namespace();
    space.useHosts(...ADDRESSES.map((address) => `${address} three.example`));
    const server = await startTsvde(['--port', `socket,listen=${address}:7000`], { within: space });
    const client = await startTsvde(['--port', 'socket,connect=three.example:7000,reconnect-ms=0'], { within: space });
    const [a, b] = [await Recorder.join(client.directory), await Recorder.join(server.directory)];
    const hello = frame(BROADCAST, A);
    await until(() => {
      a.send(hello);
      return b.frames.some((one) => one.equals(hello));
    }, 'a frame at the server');
    const answer = frame(A, B);
    b.send(answer);
    await a.receives(answer);
  });

  test('is refused where none answers', async () => {
    const space = namespace();
    space.useHosts(...ADDRESSES.map((address) => `${address} three.example`));
    const args = ['-s', `${temporaryDirectory()}/ctl`, '--port', 'socket,connect=three.example:7000,reconnect-ms=0'];
    const started = space.start(tsvde, args);
    expect((await started.exited).code).toBe(1);
    expect(started.stderr()).toMatch(/cannot connect to three\.example:7000: Connection refused\n$/);
  });
});
