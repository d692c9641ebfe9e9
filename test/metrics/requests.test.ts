// Requests in forms that scrapers rarely use, and scrapers that do not read what they asked for.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { parseHttpAddress } from '../../src/http/address.ts';
import { startHttp } from '../../src/http/server.ts';
import { atEnd } from '../support/at-end.ts';
import { startMetrics } from '../support/metrics.ts';
import { network } from '../support/network.ts';

async function serve(timeoutMs?: number): Promise<number> {
  const { sw } = await network();
  const server = await startMetrics(sw, '0', timeoutMs);
  atEnd(() => server.close());
  return Number(new URL(server.address).port);
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // the server may reset the connection
  atEnd(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test.each([
  ['http://127.0.0.1:9109/metrics', 200],
  ['http://127.0.0.1:9109/metrics?x=1', 200],
  ['HTTP://switch.example/healthz', 200],
  ['https://[::1]:9109/metrics', 200],
  ['http://127.0.0.1:9109', 404],
  ['http://127.0.0.1:9109?/metrics', 404],
  ['http://127.0.0.1:9109/http://127.0.0.1/metrics', 404],
  ['/http://127.0.0.1/metrics', 404],
  ['ftp://127.0.0.1/metrics', 404],
])('a request for %s is answered with %i', async (target, status) => {
  const socket = await open(await serve());
  socket.end(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect(await text(socket)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

test('a client that does not read its response is disconnected once its time is over', async () => {
  const routes = { '/': () => ({ status: 200, body: Buffer.alloc(64 << 20) }) };
  const server = await startHttp({ address: parseHttpAddress('0', 'a test'), routes, what: 'a test', timeoutMs: 200 });
  atEnd(() => server.close());
  const socket = await open(Number(new URL(server.address).port));
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  let received = 0;
  socket.on('data', (bytes) => {
    received += bytes.length;
  });
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  expect(received).toBeLessThan(64 << 20);
});

test('a client that sends its next request before the response ends is disconnected', async () => {
  const socket = await open(await serve(60_000));
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2));
  expect(await text(socket).catch(() => '')).toBe('');
  const patient = await open(await serve(60_000));
  for (let i = 0; i < 3; i++) {
    patient.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(String((await once(patient, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 .*ok\n$/s);
  }
});

test.each([
  ['says nothing', ''],
  ['sends half a request', 'GET /metrics HTTP/1.1\r\n'],
  ['asks nothing after a response', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
])('a scraper that %s is disconnected once its time is over', async (_, sent) => {
  const socket = await open(await serve(200));
  socket.write(sent);
  socket.resume();
  await once(socket, 'close');
});
