// The page's server: its headers, the requests that it refuses, its streams and the search for addresses.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { parseHttpAddress } from '../../src/http/address.ts';
import { startHttp } from '../../src/http/server.ts';
import { STREAMS_MAX } from '../../src/web/feed.ts';
import type { LiveMacs } from '../../src/web/live.ts';
import { pageRoutes } from '../../src/web/routes.ts';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame, type Network, network } from '../support/network.ts';
import { until } from '../support/wait.ts';

async function serve(hosts: string[] = []): Promise<{ net: Network; address: string }> {
  const net = await network({ name: 'lab' });
  const page = await pageRoutes(net.sw, { hosts });
  const server = await startHttp({ address: parseHttpAddress('0', 'the page'), routes: page.routes, what: 'the page' });
  atEnd(() => server.close());
  atEnd(() => page.close());
  return { net, address: server.address };
}

/** Sends a GET with headers that fetch() does not let a program set. */
async function ask(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { headers }), 'response')) as [IncomingMessage];
  return response.resume();
}

test('every file has a strict policy, names no other host and has no inline script or style', async () => {
  const { address } = await serve();
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/page.js', 'text/javascript'],
    ['/page.css', 'text/css'],
    ['/icon.svg', 'image/svg+xml'],
  ]) {
    const response = await fetch(address + path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain(type);
    const policy = response.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    const text = await response.text();
    if (path === '/') expect(text).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|https?:/);
  }
});

test('other methods are refused; HEAD has no body and opens no stream', async () => {
  const { address } = await serve();
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await fetch(`${address}/`, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
  for (const path of ['/', '/live', '/macs']) {
    const response = await fetch(address + path, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  }
  expect((await fetch(`${address}/nothing`)).status).toBe(404);
  expect((await fetch(`${address}/__proto__`)).status).toBe(404);
});

test('a request that names another host is refused, whatever the path', async () => {
  const { address } = await serve(['lab.example']);
  for (const path of ['/', '/page.js', '/live', '/macs']) {
    expect((await ask(address + path, { host: 'evil.example' })).statusCode).toBe(421);
    const allowed = await ask(address + path, { host: 'lab.example:80' });
    expect(allowed.statusCode).toBe(200);
    allowed.destroy();
  }
});

test("another site's request is refused, but its link may be followed", async () => {
  const { address } = await serve();
  const status = async (site: string, mode: string) => {
    const response = await ask(`${address}/live`, { 'sec-fetch-site': site, 'sec-fetch-mode': mode });
    response.destroy();
    return response.statusCode;
  };
  expect(await status('cross-site', 'no-cors')).toBe(403);
  expect(await status('same-site', 'cors')).toBe(403);
  expect(await status('same-origin', 'cors')).toBe(200);
  expect((await ask(`${address}/`, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).statusCode).toBe(
    200,
  );
});

test('the number of streams is bounded, and a closed one makes room', async () => {
  const { address } = await serve();
  const open = async () => (await once(get(`${address}/live`), 'response'))[0] as IncomingMessage;
  const streams = await Promise.all(Array.from({ length: STREAMS_MAX }, open));
  expect(streams.map(({ statusCode }) => statusCode)).toEqual(streams.map(() => 200));
  const refused = await fetch(`${address}/live`);
  expect([refused.status, await refused.text()]).toEqual([503, '16 pages are open already: close one\n']);
  expect((await fetch(`${address}/`)).status).toBe(200);
  streams[0]!.destroy();
  await until(async () => {
    const response = await open();
    response.destroy();
    return response.statusCode === 200;
  }, 'room for a stream');
});

test('a stream lives longer than the time limit of a request', async () => {
  const net = await network();
  const page = await pageRoutes(net.sw, { hosts: [] });
  const server = await startHttp({
    address: parseHttpAddress('0', 'the page'),
    routes: page.routes,
    what: 'the page',
    timeoutMs: 1500,
  });
  atEnd(() => server.close());
  atEnd(() => page.close());
  const [stream] = (await once(get(`${server.address}/live`), 'response')) as [IncomingMessage];
  let messages = 0;
  stream.on('data', (chunk) => {
    messages += String(chunk).split('\n\n').length - 1;
  });
  await until(() => messages >= 4, 'the fourth message', 8000);
  stream.destroy();
});

test('addresses are found by address, port, name and VLAN', async () => {
  const { net, address } = await serve();
  const web = await net.join({ port: 3, description: 'name=web' });
  const other = await net.join({ port: 13 });
  web.send(frame(BROADCAST, '02:00:00:00:00:0a'));
  other.send(frame(BROADCAST, '02:00:00:00:00:0b'));
  await until(() => net.sw.macs.stats().entries === 2, 'the addresses');
  const find = async (query: string) => {
    const { macs, matched, total } = (await (await fetch(`${address}/macs?${query}`)).json()) as LiveMacs;
    expect([matched, total]).toEqual([macs.length, 2]);
    return macs.map(({ port }) => port);
  };
  expect(await find('')).toEqual([3, 13]);
  expect(await find('q=00:0B')).toEqual([13]);
  expect(await find('q=web')).toEqual([3]);
  expect(await find('q=port13')).toEqual([13]);
  expect(await find('q=vlan0+02:')).toEqual([3, 13]);
  expect(await find('q=vlan1')).toEqual([]);
  expect(await find('port=3')).toEqual([3]);
  expect((await fetch(`${address}/macs?port=x`)).status).toBe(400);
});
