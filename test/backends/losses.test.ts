// Log lines about connections: each loss and each series of refusals is logged once, however many attempts follow.
import { expect, test } from 'vitest';
import { network } from '../support/network.ts';
import { freePort, StreamPeer, StreamServer } from '../support/stream-peer.ts';
import { until } from '../support/wait.ts';

test('each loss of a connection is logged once, and so is each new connection', async () => {
  const net = await network();
  const port = await freePort();
  await net.sw.attach(`socket,id=c,connect=127.0.0.1:${port},reconnect-ms=1`);
  const lines = (pattern: RegExp) => net.log.filter((line) => pattern.test(line)).length;
  const failures = () => lines(/^c: .*; trying again$/);
  expect(failures()).toBe(1); // the server was not there
  for (let round = 1; round <= 3; round++) {
    const server = await StreamServer.listen({ port, host: '127.0.0.1' });
    await server.peer();
    await until(() => lines(/^c: port 1: connected to /) === round, 'the connection');
    server.close();
    await until(() => lines(/^c: port 1: the connection to \S+ has ended: .*; trying again$/) === round, 'the loss');
    // Attempts that fail while the server is away log nothing more.
    const stats = net.sw.attachments()[0]!.stats;
    expect(stats).toEqual({ connections: 0, reconnects: round - 1 });
  }
  expect(failures()).toBe(4);
});

test('each series of refusals is logged once', async () => {
  const net = await network();
  await net.sw.attach('socket,id=l,listen=127.0.0.1:0,max-clients=1');
  const [, port] = /:(\d+)$/.exec(net.sw.attachments()[0]!.addresses[0]!)!;
  const connect = () => StreamPeer.connect({ host: '127.0.0.1', port: Number(port) });
  const series = () => net.log.filter((line) => /^l: clients are refused/.test(line)).length;
  for (let round = 1; round <= 3; round++) {
    const first = await connect();
    await until(() => net.sw.attachments()[0]!.ports.length === 1, 'the client');
    const others = [await connect(), await connect()];
    await until(() => others.every(({ ended }) => ended), 'the refusals');
    expect(series()).toBe(round);
    expect(net.sw.attachments()[0]!.stats).toEqual({ connections: 1, refused: 2 * round });
    first.socket.destroy();
    await until(() => net.sw.attachments()[0]!.ports.length === 0, 'the end of the client');
  }
});
