// The metrics as a scraper reads them: Prometheus' own parser, hostile descriptions, clients that hang.
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ATTACHMENT_STATS } from '../../src/backends/kind.ts';
import { Switch } from '../../src/index.ts';
import { portCounters } from '../../src/switch/counters.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { ofOneSwitch, startMetrics } from '../support/metrics.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { run } from '../support/process.ts';
import { staleSocket } from '../support/stale-socket.ts';
import { StreamPeer } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';

async function serve(sw: Switch, address = '0') {
  const server = await startMetrics(sw, address);
  atEnd(() => server.close());
  return server.address;
}

async function scrape(address: string, accept = 'text/plain'): Promise<string> {
  const response = await fetch(address, { headers: { accept } });
  expect(response.status).toBe(200);
  return response.text();
}

/** Returns the samples by name and labels. */
function samples(text: string): Map<string, number> {
  const lines = ofOneSwitch(text)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

test('bytes and frames of each kind are counted in both directions', async () => {
  const net = await network({ hub: true });
  const address = await serve(net.sw);
  const [a, b] = [await net.join(), await net.join()];
  const sent = [frame(B, A, 20), frame(B, A, 1514), frame(BROADCAST, A, 100), frame('01:00:5e:00:00:01', A, 60)];
  for (const one of sent) a.send(one);
  await until(() => b.frames.length === sent.length, 'the frames');
  const values = samples(await scrape(address));
  const value = (port: number, name: string) => values.get(`tsvde_port_${name}_total{port="${port}"}`);
  expect(value(1, 'receive_bytes')).toBe(60 + 1514 + 100 + 60);
  expect(value(2, 'transmit_bytes')).toBe(value(1, 'receive_bytes'));
  for (const [kind, count] of Object.entries({
    packets: 4,
    unicast_packets: 2,
    broadcast_packets: 1,
    multicast_packets: 1,
  })) {
    expect(value(1, `receive_${kind}`)).toBe(count);
    expect(value(2, `transmit_${kind}`)).toBe(count);
    expect(value(2, `receive_${kind}`)).toBe(0);
    expect(value(1, `transmit_${kind}`)).toBe(0);
  }
});

test('drops are counted by reason and direction; queues, endpoints and the MAC table are current', async () => {
  const net = await network({ queueFrames: 7, macLimit: 5 });
  const address = await serve(net.sw);
  const [a, b] = [await net.join({ description: 'first' }), await net.join({ port: 9, description: 'second' })];
  a.send(frame(BROADCAST, A).subarray(0, 13));
  a.send(frame(A, A));
  b.plug.pause();
  for (let i = 0; i < 3000; i++)
    if (!a.plug.send(frame(BROADCAST, A, 1000, i)))
      await until(() => a.plug.send(frame(BROADCAST, A, 1000, i)), 'room');
  let values = new Map<string, number>();
  const value = (name: string, labels: string) => values.get(`tsvde_${name}{${labels}}`);
  await until(async () => {
    values = samples(await scrape(address));
    return value('port_receive_packets_total', 'port="1"') === 3001;
  }, 'every frame to be received');
  expect(value('port_receive_drop_total', 'port="1",reason="too_short"')).toBe(1);
  expect(value('port_receive_drop_total', 'port="1",reason="same_port"')).toBe(1);
  const full = value('port_transmit_drop_total', 'port="9",reason="queue_full"')!;
  expect(full).toBeGreaterThan(1000);
  expect(full + value('port_transmit_packets_total', 'port="9"')!).toBe(3000);
  expect(value('port_queue_frames', 'port="9"')).toBe(7);
  expect(value('port_queue_bytes', 'port="9"')).toBe(7000);
  expect(value('port_queue_limit_frames', 'port="9"')).toBe(7);
  expect(value('port_info', 'port="9",name="",kind="vde"')).toBe(1);
  expect(value('endpoint_info', 'port="9",kind="vde",attachment="",description="second"')).toBe(1);
  expect(values.get('tsvde_mac_table_entries')).toBe(1);
  expect(values.get('tsvde_mac_table_limit_entries')).toBe(5);

  b.plug.close();
  await until(async () => {
    values = samples(await scrape(address));
    return value('port_up', 'port="9"') === 0;
  }, 'port 9 to be down');
  expect([...values.keys()].filter((name) => name.startsWith('tsvde_endpoint_info'))).toHaveLength(1);
  // Queued frames are lost with the client. The reason depends on which of its two sockets the switch saw end first.
  const lost = ['closed', 'peer_gone'].map(
    (reason) => value('port_transmit_drop_total', `port="9",reason="${reason}"`)!,
  );
  expect(lost[0]! + lost[1]!).toBe(7);
});

describe('every number of the switch has a metric of its own', () => {
  const two = [1, 2].map((port) => ({
    port,
    values: BigUint64Array.from(native.counterNames, (_, i) => BigInt(1000 * port + i)),
  }));
  const stats = Object.fromEntries(Object.keys(ATTACHMENT_STATS).map((name, i) => [name, 500 + i]));
  const switchWithNumbers = {
    name: 'numbers',
    hub: true,
    eventsLost: { notice: 25n, bpdu: 21n, mac_moved: 22n, mac: 23n, frame: 24n },
    macs: { stats: () => ({ entries: 31, limit: 32, moves: 33n, evictions: 34n }) },
    ports: { list: () => [] },
    endpointEnds: () => [{ kind: 'vhost-user', reason: 'bad_size', count: 41 }],
    guests: () => [{ port: 5, endpoint: 6, features: '0x1f', memoryBytes: 42 }],
    heartbeat: async () => 0,
    counters: () =>
      portCounters({
        ports: Uint32Array.from(two, ({ port }) => port),
        values: BigUint64Array.from(two.flatMap(({ values }) => [...values])),
      }),
    attachments: () => [
      { id: 'all', kind: 'user', stats },
      { id: 'none', kind: 'tap', stats: {} },
    ],
  } as unknown as Switch;

  /** Returns a counter's metric without its labels, and its reason if it counts drops. */
  function metricOf(name: string): [string, string?] {
    const [, direction, reason] = /^(\w+?)_drop_(\w+)$/.exec(name) ?? [];
    if (reason !== undefined) return [`${direction}_drop_total`, reason];
    if (/_(uni|multi|broad)cast$/.test(name)) return [`${name}_packets_total`];
    if (name === 'queue_limit') return ['queue_limit_frames'];
    return [name.startsWith('queue_') ? name : `${name}_total`];
  }

  test("the engine's counters by port", async () => {
    const found = samples(await scrape(await serve(switchWithNumbers)));
    const expected = two.flatMap(({ port, values }) => {
      const value = (name: string) => values[native.counterNames.indexOf(name)]!;
      const one = native.counterNames.map((name) => {
        const [metric, reason] = metricOf(name);
        const labels = `port="${port}"${reason === undefined ? '' : `,reason="${reason}"`}`;
        return [`tsvde_port_${metric}{${labels}}`, Number(value(name))] as const;
      });
      const all = ['receive', 'transmit'].map((direction) => {
        const kinds = ['unicast', 'multicast', 'broadcast'].map((kind) => value(`${direction}_${kind}`));
        return [
          `tsvde_port_${direction}_packets_total{port="${port}"}`,
          Number(kinds.reduce((sum, kind) => sum + kind)),
        ] as const;
      });
      return [...one, ...all];
    });
    expect(Object.fromEntries([...found].filter(([name]) => name.startsWith('tsvde_port_')))).toEqual(
      Object.fromEntries(expected),
    );
  });

  test('the attachments, the MAC table and the switch', async () => {
    const found = samples(await scrape(await serve(switchWithNumbers)));
    const own = Object.entries(stats).map(([name, value]) => {
      const { type } = ATTACHMENT_STATS[name as keyof typeof ATTACHMENT_STATS];
      return [`tsvde_attachment_${name}${type === 'counter' ? '_total' : ''}{attachment="all",kind="user"}`, value];
    });
    expect(Object.fromEntries([...found].filter(([name]) => /^tsvde_(?!port_|build_)/.test(name)))).toEqual({
      ...Object.fromEntries(own),
      tsvde_hub: 1,
      'tsvde_endpoint_ends_total{kind="vhost-user",reason="bad_size"}': 41,
      'tsvde_guest_memory_bytes{port="5"}': 42,
      'tsvde_guest_info{port="5",features="0x1f"}': 1,
      tsvde_engine_heartbeat_seconds: 0,
      'tsvde_engine_events_lost_total{kind="bpdu"}': 21,
      'tsvde_engine_events_lost_total{kind="notice"}': 25,
      'tsvde_engine_events_lost_total{kind="mac_moved"}': 22,
      'tsvde_engine_events_lost_total{kind="mac"}': 23,
      'tsvde_engine_events_lost_total{kind="frame"}': 24,
      tsvde_mac_table_entries: 31,
      tsvde_mac_table_limit_entries: 32,
      tsvde_mac_table_moves_total: 33,
      tsvde_mac_table_evictions_total: 34,
    });
  });

  test('a second scrape shows the same numbers', async () => {
    const address = await serve(switchWithNumbers);
    const own = async () =>
      Object.fromEntries([...samples(await scrape(address))].filter(([name]) => /^tsvde/.test(name)));
    expect(await own()).toEqual(await own());
  });
});

describeWith(['/usr/bin/python3'], "Prometheus' own parser", () => {
  const parse = (module: string, text: string) =>
    run('/usr/bin/python3', ['-c', PARSER.replace('MODULE', module), text]);
  const PARSER = `
import sys, json
from prometheus_client.MODULE import text_string_to_metric_families as parse
families = list(parse(sys.argv[1]))
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]] for f in families]))`;

  test.each([
    ['text', 'parser', 'text/plain'],
    ['OpenMetrics', 'openmetrics.parser', OPENMETRICS],
  ])('the parser reads the %s format with hostile descriptions', async (_, module, accept) => {
    const net = await network();
    const hostile =
      'quote " backslash \\ newline \n# TYPE x counter\nx 1 tab \t escape \x1b[2J ümlaut \ufffd \u202e end';
    await net.join({ description: hostile });
    await net.join({ description: '}' });
    const text = await scrape(await serve(net.sw), accept);
    const { code, stdout, stderr } = await parse(module, text);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const families = JSON.parse(stdout) as [string, string, string, [string, Record<string, string>, number][]][];
    const family = (name: string) => families.find(([found]) => found === name)!;
    const described = family('tsvde_endpoint_info')[3].map(([, labels]) => labels.description);
    expect(described).toEqual([
      'quote " backslash \\ newline # TYPE x counter x 1 tab escape \\x1b[2J ümlaut \ufffd \\u202e end',
      '}',
    ]);
    for (const unsafe of ['\x1b', '\u202e']) expect(text).not.toContain(unsafe);
    expect(family('tsvde_port_receive_bytes')[1]).toBe('counter');
    expect(family('tsvde_port_receive_bytes')[2]).toMatch(/^Received by the switch from the port/);
    expect(family('tsvde_port_up')[1]).toBe('gauge');
    expect(family('process_cpu_seconds')[1]).toBe('counter');
    for (const [name, , help] of families) expect(help, name).not.toBe('');
    expect(text.trimEnd().endsWith('# EOF')).toBe(module !== 'parser');
  });
});

describe('the HTTP server', () => {
  test('the server answers health and readiness, HEAD, unknown paths and other methods', async () => {
    const sw = new Switch();
    atEnd(() => sw.close());
    const base = (await serve(sw)).replace(/\/metrics$/, '');
    const status = async (path: string, method = 'GET') => (await fetch(base + path, { method })).status;
    expect(await status('/healthz')).toBe(200);
    expect(await status('/readyz')).toBe(503);
    await sw.bind({ directory: `${temporaryDirectory()}/ctl` });
    expect(await status('/readyz')).toBe(503);
    await sw.serve();
    expect(await status('/readyz')).toBe(200);
    expect(await status('/')).toBe(404);
    expect(await status('/metrics?x=1')).toBe(200);
    expect(await status('/metrics', 'POST')).toBe(405);
    const head = await fetch(`${base}/metrics`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1000);
    expect(await head.text()).toBe('');
  });

  test('clients that hang or send garbage delay neither other scrapes nor closing', async () => {
    const net = await network();
    const server = await startMetrics(net.sw);
    const { port } = new URL(server.address);
    const hanging = await Promise.all(
      [
        '',
        'GET /met',
        'GET /metrics HTTP/1.1\r\nHost: x\r\n',
        'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
        '\0\x01garbage\r\n\r\n',
      ].map(async (text) => {
        const socket = connect(Number(port), '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        socket.pause();
        socket.write(text);
        return socket;
      }),
    );
    const all = await Promise.all(Array.from({ length: 20 }, () => scrape(server.address)));
    expect(all.every((text) => text.includes('tsvde_build_info'))).toBe(true);
    await server.close();
    for (const socket of hanging) socket.destroy();
    await expect(fetch(server.address)).rejects.toThrow();
  });

  test('frames sent during scrapes all arrive in order', async () => {
    const net = await network({ hub: true });
    const address = await serve(net.sw);
    const [a, b] = [await net.join(), await net.join()];
    const total = 2000;
    const scraping = (async () => {
      for (let i = 0; i < 20; i++) await scrape(address);
    })();
    for (let mark = 0; mark < total; mark++) {
      a.send(frame(B, A, 200, mark));
      if (mark % 60 === 59) await until(() => b.frames.length === mark + 1, `frame ${mark}`);
    }
    await scraping;
    await until(() => b.frames.length === total, 'every frame');
    expect(b.frames.every((one, mark) => one.readUInt32BE(14) === mark)).toBe(true);
  });

  test('a unix socket can be scraped, by its owner and group only', async () => {
    const net = await network();
    const path = `${temporaryDirectory()}/metrics`;
    expect(await serve(net.sw, `unix:${path}`)).toBe(`unix:${path}`);
    expect(await statusOver(path)).toBe(200);
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  test('a unix socket is removed when the server closes', async () => {
    const net = await network();
    const path = `${temporaryDirectory()}/metrics`;
    const server = await startMetrics(net.sw, `unix:${path}`);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test('a unix socket that nobody listens on any more is replaced', async () => {
    const net = await network();
    const path = `${temporaryDirectory()}/metrics`;
    staleSocket(path);
    expect(statSync(path).isSocket()).toBe(true);
    await serve(net.sw, `unix:${path}`);
    expect(await statusOver(path)).toBe(200);
  });

  test('a unix socket that another server listens on and a file that is not a socket stay', async () => {
    const net = await network();
    const path = `${temporaryDirectory()}/metrics`;
    const other = createServer((socket) => socket.on('error', () => {}).end('other')).listen(path);
    await once(other, 'listening');
    atEnd(() => other.close());
    await expect(startMetrics(net.sw, `unix:${path}`)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const [answer] = await once(connect(path), 'data');
    expect(String(answer)).toBe('other');
    const file = `${path}-file`;
    writeFileSync(file, 'a file');
    await expect(startMetrics(net.sw, `unix:${file}`)).rejects.toThrow(/not a socket/);
    expect(readFileSync(file, 'utf8')).toBe('a file');
  });

  function statusOver(path: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      request({ socketPath: path, path: '/metrics' }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
  }

  test('a port in use is refused with a sentence', async () => {
    const net = await network();
    const { port } = new URL(await serve(net.sw));
    await expect(startMetrics(net.sw, port)).rejects.toThrow(
      `cannot serve metrics on 127.0.0.1:${port}: Address already in use`,
    );
  });
});

test('every sample has the name of the switch, and a port has its name', async () => {
  const { sw, join } = await network({ name: 'lab' });
  await join({ port: 3, description: 'name=web' });
  const text = await scrape(await serve(sw));
  expect(text).toMatch(/^tsvde_port_info\{port="3",name="web",kind="vde",switch="lab"\} 1$/m);
  const all = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(all.filter((line) => !/[{,]switch="lab"\} \S+$/.test(line))).toEqual([]);
});

test('attachments are shown with kind and id and with connections, reconnections and refusals', async () => {
  const { sw } = await network();
  const path = `${temporaryDirectory()}/s`;
  await sw.attach(`stream,id=lab,server=on,addr.type=unix,addr.path=${path},max-clients=1`);
  const peers = [await StreamPeer.connect({ path }), await StreamPeer.connect({ path })];
  await until(() => peers[1]!.ended, 'the refused peer to be closed');
  await sw.attach(`stream,id=out,addr.type=unix,addr.path=${path}x`);
  const text = await scrape(await serve(sw));
  expect(text).toMatch(
    /^tsvde_endpoint_info\{port="1",kind="stream",attachment="lab",description="uid \d+",switch="ctl"\} 1$/m,
  );
  const labels = 'attachment="lab",kind="stream"';
  for (const line of [
    `tsvde_attachment_connections{${labels}} 1`,
    `tsvde_attachment_refused_total{${labels}} 1`,
    'tsvde_attachment_connections{attachment="out",kind="stream"} 0',
    'tsvde_attachment_reconnects_total{attachment="out",kind="stream"} 0',
  ])
    expect(ofOneSwitch(text).split('\n')).toContain(line);
  expect(text).not.toContain(`tsvde_attachment_reconnects_total{${labels}}`);
});
