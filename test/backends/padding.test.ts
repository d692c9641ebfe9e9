// Stream ports that send short frames without their padding, in either role; and the key `padding`.
import { expect, test } from 'vitest';
import { arpRequest } from '../support/arp.ts';
import { BROADCAST, frame, network, padded } from '../support/network.ts';
import { StreamPeer, StreamServer } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const ARP = arpRequest({ mac: '02:00:00:00:00:01', from: '192.0.2.1', to: '192.0.2.2' });

test.each([
  ['padding=off', ARP],
  ['padding=on', padded(ARP)],
  [undefined, padded(ARP)],
])('a peer that connects to a port with %s gets short frames so', async (key, expected) => {
  const net = await network();
  const plug = await net.join();
  const path = `${temporaryDirectory()}/s`;
  await net.sw.attach(['stream,server=on,addr.type=unix', `addr.path=${path}`, key].filter(Boolean).join());
  const peers = [await StreamPeer.connect({ path }), await StreamPeer.connect({ path })];
  await until(() => net.sw.attachments()[0]!.ports.length === 2, 'two clients');
  plug.send(ARP);
  for (const peer of peers) await peer.receives(expected);
  // Other frames stay as they are.
  const [unknown, long] = [frame(BROADCAST, '02:00:00:00:00:01', 60, 7), frame(BROADCAST, '02:00:00:00:00:01', 1514)];
  plug.send(unknown);
  plug.send(long);
  for (const peer of peers) {
    await peer.receives(unknown);
    await peer.receives(long);
  }
});

test('a port that connects sends without padding after each reconnect, and receives frames of any length', async () => {
  const net = await network();
  const plug = await net.join();
  const path = `${temporaryDirectory()}/s`;
  const server = await StreamServer.listen({ path });
  await net.sw.attach({
    ...{ kind: 'stream', 'addr.type': 'unix', 'addr.path': path, padding: false, 'reconnect-ms': 20, id: 'c' },
    switchport: 9,
  });
  for (const round of [1, 2]) {
    const peer = await server.peer(round);
    await until(() => net.sw.ports.get(9)?.active, 'the connection');
    plug.send(ARP);
    await peer.receives(ARP);
    expect(peer.frames.map(({ length }) => length)).toEqual([42]);
    const answer = frame(BROADCAST, '02:00:00:00:00:02', 20, round);
    peer.send(answer);
    await plug.receives(padded(answer));
    peer.socket.destroy();
    await until(() => net.sw.ports.get(9)?.active === false, 'the end of the connection');
  }
  // The counters count the frame as the switch forwards it.
  expect(net.sw.counters().find(({ port }) => port === 9)).toMatchObject({
    transmitBroadcast: 2n,
    transmitBytes: 120n,
  });
});

test('a value other than on and off is refused, and so is the key for a kind that does not have it', async () => {
  const net = await network();
  const path = `${temporaryDirectory()}/s`;
  await expect(net.sw.attach(`stream,addr.type=unix,addr.path=${path},padding=60`)).rejects.toThrow(
    "padding is '60': it must be on or off",
  );
  await expect(net.sw.attach('socket,listen=127.0.0.1:0,padding=off')).rejects.toThrow("socket has no key 'padding'");
});
