// Input of hostile or broken peers to every kind of port that has a peer: text, invalid lengths, one byte a second,
// datagrams of one byte. Such input is counted as dropped, or the connection that it came from is closed; other ports
// are not affected.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/protocol/request.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame, type Network, network, type Recorder } from '../support/network.ts';
import { freePort, StreamPeer, StreamServer, wire } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const HOST = '127.0.0.1';

/** Attaches a port, with the keys `common` at the end of its spec, and resolves with its peer. */
type Opens<Peer> = (net: Network, common: string) => Promise<Peer>;

/** The port listens and the peer connects. */
const listening =
  (spec: (address: { path: string; port: number }) => string, byPath = false): Opens<StreamPeer> =>
  async (net, common) => {
    const address = { path: `${temporaryDirectory()}/s`, port: await freePort() };
    await net.sw.attach(`${spec(address)},${common}`);
    return StreamPeer.connect(byPath ? { path: address.path } : { host: HOST, port: address.port });
  };

/** The port connects and the peer listens. */
const connecting =
  (spec: (address: { path: string; port: number }) => string, byPath = false): Opens<StreamPeer> =>
  async (net, common) => {
    const path = `${temporaryDirectory()}/s`;
    const server = await StreamServer.listen(byPath ? { path } : { host: HOST, port: 0 });
    await net.sw.attach(`${spec({ path, port: byPath ? 0 : server.port })},reconnect-ms=60000,${common}`);
    return server.peer();
  };

const STREAMS: Record<string, Opens<StreamPeer>> = {
  'socket,listen': listening(({ port }) => `socket,listen=${HOST}:${port}`),
  'socket,connect': connecting(({ port }) => `socket,connect=${HOST}:${port}`),
  'stream,server=on by TCP': listening(({ port }) => `stream,server=on,addr.type=inet,addr.port=${port}`),
  'stream,server=off by TCP': connecting(({ port }) => `stream,addr.type=inet,addr.host=${HOST},addr.port=${port}`),
  'stream,server=on by a unix socket': listening(
    ({ path }) => `stream,server=on,addr.type=unix,addr.path=${path}`,
    true,
  ),
  'stream,server=off by a unix socket': connecting(({ path }) => `stream,addr.type=unix,addr.path=${path}`, true),
};

type SendsDatagram = (bytes: Buffer) => void;

/** A UDP peer that the port's spec names, or a member of the port's group. */
const udp =
  (spec: (own: number, peer: number) => string, to: string = HOST): Opens<SendsDatagram> =>
  async (net, common) => {
    const own = await freePort();
    const socket = createSocket('udp4');
    atEnd(() => socket.close());
    socket.bind(0, HOST);
    await once(socket, 'listening');
    socket.setMulticastInterface(HOST);
    await net.sw.attach(`${spec(own, socket.address().port)},${common}`);
    return (bytes) => socket.send(bytes, own, to);
  };

const DATAGRAMS: Record<string, Opens<SendsDatagram>> = {
  'socket,udp': udp((own, peer) => `socket,udp=${HOST}:${peer},localaddr=${HOST}:${own}`),
  'socket,mcast': udp((own) => `socket,mcast=230.0.0.5:${own},localaddr=${HOST}`, '230.0.0.5'),
  'dgram by UDP': udp(
    (own, peer) =>
      `dgram,remote.type=inet,remote.host=${HOST},remote.port=${peer},local.host=${HOST},local.port=${own}`,
  ),
  'dgram to a group': udp(
    (own) => `dgram,remote.type=inet,remote.host=230.0.0.6,remote.port=${own},local.host=${HOST}`,
    '230.0.0.6',
  ),
  'dgram by unix sockets': async (net, common) => {
    const [own, peer] = [`${temporaryDirectory()}/own`, `${temporaryDirectory()}/peer`];
    await net.sw.attach(`dgram,local.path=${own},remote.type=unix,remote.path=${peer},${common}`);
    return sendsFrom(peer, own);
  },
  'a VDE client': async (net, common) => {
    const plug = await net.join({ port: Number(common.slice('switchport='.length)) });
    return (bytes) => plug.send(bytes);
  },
};

function sendsFrom(path: string, to: string): SendsDatagram {
  const ignore = () => {};
  const socket = new native.FrameSocket(native.openDatagram(path, formatAddress(to)), ignore, ignore);
  atEnd(() => socket.close());
  return (bytes) => void socket.send([bytes]);
}

/** Two plugs that exchange frames and receive those of the hostile peer. */
async function bystanders(): Promise<{
  net: Network;
  one: Recorder;
  two: Recorder;
  talk(mark: number): Promise<void>;
}> {
  const net = await network({ hub: true });
  const [one, two] = [await net.join(), await net.join()];
  const talk = async (mark: number) => {
    const sent = frame(BROADCAST, A, 100, mark);
    one.send(sent);
    await two.receives(sent);
  };
  return { net, one, two, talk };
}

const dropsOf = ({ sw }: Network, port: number) => sw.counters().find((row) => row.port === port)!.receiveDrops;

describe.each(Object.entries(STREAMS))('the peer of %s', (_, opens) => {
  test.each([
    ['text', Buffer.from('GET / HTTP/1.0\r\n\r\n')],
    ['a huge length', Buffer.from('ffffffff', 'hex')],
  ])('a peer that sends %s is counted and disconnected, and other ports are not affected', async (_what, bytes) => {
    const { net, two, talk } = await bystanders();
    const peer = await opens(net, 'switchport=9');
    const good = frame(BROADCAST, B, 100, 1);
    peer.send(good);
    await two.receives(good);
    peer.socket.write(bytes);
    await until(() => peer.ended, 'the end of the connection');
    expect(dropsOf(net, 9).bad_length).toBe(1n);
    await talk(2);
    expect(two.frames).toHaveLength(2);
  });
});

test.each(Object.entries(DATAGRAMS))(
  'datagrams of %s that are not frames are counted, and those that are frames pass',
  async (_, opens) => {
    const { net, two, talk } = await bystanders();
    const send = await opens(net, 'switchport=9');
    for (let i = 0; i < 5; i++) send(Buffer.alloc(1, i));
    send(Buffer.alloc(13, 0xff));
    await until(() => dropsOf(net, 9).too_short === 6n, 'all of the datagrams to be counted');
    const good = frame(BROADCAST, B, 100, 1);
    send(good);
    await two.receives(good);
    await talk(2);
    expect(two.frames).toHaveLength(2);
  },
);

test('a byte a second from all peers at once delays no other port, and a frame sent that way arrives', async () => {
  const { net, two, talk } = await bystanders();
  const port = { next: 10 };
  const open = async <Peer>(kinds: Record<string, Opens<Peer>>) => {
    const opened: { port: number; peer: Peer }[] = [];
    for (const opens of Object.values(kinds)) {
      const own = port.next++;
      opened.push({ port: own, peer: await opens(net, `switchport=${own}`) });
    }
    return opened;
  };
  const [streams, datagrams] = [await open(STREAMS), await open(DATAGRAMS)];
  const slow = streams.map(({ port }) => frame(BROADCAST, B, 60, port));
  const began = performance.now();
  let talks = 0;
  for (let second = 0; second < 4; second++) {
    // The bytes of the length are sent a second apart.
    for (const [i, { peer }] of streams.entries()) peer.socket.write(wire(slow[i]!).subarray(second, second + 1));
    for (const { peer } of datagrams) peer(Buffer.alloc(1));
    for (; performance.now() < began + 1000 * (second + 1); talks++) await talk(1000 + talks);
  }
  expect(talks).toBeGreaterThan(40); // on average, each takes at most a tenth of a second
  for (const { port } of datagrams) expect(dropsOf(net, port).too_short).toBe(4n);
  for (const [i, { peer }] of streams.entries()) peer.socket.write(slow[i]!);
  for (const one of slow) await two.receives(one);
  for (const { port } of streams) expect(Object.values(dropsOf(net, port)).every((count) => count === 0n)).toBe(true);
});
