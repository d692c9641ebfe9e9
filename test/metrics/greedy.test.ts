// Scrapers that never stop: what they cost others. Measures time, so nothing else may run beside it.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { parseHttpAddress } from '../../src/http/address.ts';
import { startHttp } from '../../src/http/server.ts';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { startMetrics } from '../support/metrics.ts';
import { network } from '../support/network.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const PORTS = 1000;

/** A program that scrapes for ever, and writes a line for each response. */
const greedy = (address: string, accept: string) =>
  start(process.execPath, [
    '-e',
    `(async () => {
      for (;;) {
        const response = await fetch('${address}', { headers: { accept: '${accept}' } });
        console.log(response.status, (await response.arrayBuffer()).byteLength);
      }
    })()`,
  ]);

test('two greedy scrapers of 1000 ports delay a join by less than 50 ms', async () => {
  const home = temporaryDirectory();
  const rc = Array.from({ length: PORTS }, (_, i) => `port/create ${i + 1}\n`).join('');
  writeFileSync(`${home}/rc`, rc);
  const args = ['-n', String(PORTS + 100), '-f', `${home}/rc`, '--metrics', '0', '--nostdin'];
  const { started, directory } = await startTsvde(args, { cwd: home });
  const [, address] = await started.output(/serving metrics on (\S+)/);
  const join = async () => {
    const began = performance.now();
    const plug = await Plug.connect(directory);
    const took = performance.now() - began;
    plug.close();
    return took;
  };
  const times = async () => {
    const all: number[] = [];
    for (let i = 0; i < 40; i++) {
      all.push(await join());
      await new Promise((resolve) => setTimeout(resolve, 50)); // spread over two renderings
    }
    return all.sort((a, b) => a - b);
  };
  await times(); // a first run, so that the next run does not include the compilation of the code for joins
  const alone = await times();
  const scrapers = [greedy(address!, 'text/plain'), greedy(address!, 'application/openmetrics-text')];
  for (const scraper of scrapers) await scraper.output(/^200 \d{7}$/m);
  const together = await times();
  for (const scraper of scrapers) expect(scraper.running).toBe(true);
  const median = (sorted: number[]) => sorted[sorted.length / 2]!;
  expect(median(together) - median(alone)).toBeLessThan(50);
}, 60_000);

describe('a scrape', () => {
  test('is rendered at most once a second', async () => {
    const { sw } = await network();
    let snapshots = 0;
    const counters = sw.counters.bind(sw);
    sw.counters = () => {
      snapshots++;
      return counters();
    };
    const server = await startMetrics(sw, '0', undefined, 1000);
    atEnd(() => server.close());
    const scrape = async () => (await fetch(server.address)).text();
    const began = performance.now();
    while (performance.now() - began < 1500) await Promise.all([scrape(), scrape()]);
    expect(snapshots).toBeGreaterThanOrEqual(2);
    expect(snapshots).toBeLessThanOrEqual(1 + Math.floor((performance.now() - began) / 1000));
  });
});

describe('connections that ask nothing', () => {
  async function serve(timeoutMs = 60_000) {
    const { sw } = await network();
    const server = await startMetrics(sw, '0', timeoutMs, 1000);
    atEnd(() => server.close());
    return Number(new URL(server.address).port);
  }

  async function open(port: number, sent = '') {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    atEnd(() => socket.destroy());
    await once(socket, 'connect');
    socket.write(sent);
    return socket;
  }

  test('make room for scrapes and health checks, the oldest first', async () => {
    const port = await serve();
    const idle: Socket[] = [];
    for (let i = 0; i < 64; i++) idle.push(await open(port, i % 2 ? 'GET /metrics HTTP/1.1\r\nHost: x\r\n' : ''));
    for (const path of ['/healthz', '/metrics', '/readyz']) {
      const socket = await open(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 (200|503) /);
    }
    for (const socket of idle) socket.resume();
    await until(() => idle[0]!.closed, 'the end of the oldest connection');
    expect(idle.filter(({ closed }) => closed)).toEqual([idle[0]]);
  });

  test('and connections that read no response make room, too', async () => {
    const body = Buffer.alloc(16 << 20);
    const routes = { '/healthz': () => ({ status: 200, body: '' }), '/big': () => ({ status: 200, body }) };
    const server = await startHttp({ address: parseHttpAddress('0', 'a test'), routes, what: 'a test' });
    atEnd(() => server.close());
    const port = Number(new URL(server.address).port);
    for (let i = 0; i < 64; i++) {
      const socket = await open(port);
      socket.pause();
      socket.write('GET /big HTTP/1.1\r\nHost: x\r\n\r\n');
    }
    const socket = await open(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });
});
