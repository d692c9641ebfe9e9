// The views of a switch with all sorts of ports, as data and as tables.
import { expect, test } from 'vitest';
import { ConsoleClient } from '../../src/ctl/console-client.ts';
import { dataFrom, type MacData } from '../../src/ctl/console-data.ts';
import { look } from '../../src/ctl/look.ts';
import { trafficOf } from '../../src/ctl/rates.ts';
import { views } from '../../src/ctl/views.ts';
import { atEnd } from '../support/at-end.ts';
import { serveConsole } from '../support/console.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const screen = { width: 80, paint: (_: string, text: string) => text };

/** How far the engine's clock, CLOCK_MONOTONIC_COARSE, may be behind process.hrtime(). */
const CLOCK_LAG_MS = 20;
/** Returns the second of that clock, `ms` milliseconds from now. */
const second = (ms = 0) => Number((process.hrtime.bigint() + BigInt(ms) * 1_000_000n) / 1_000_000_000n);

/** Starts a network with a guest, another client, an attachment that is not connected, and a spare port. */
async function lab() {
  const net = await network({ name: 'lab' });
  const client = await ConsoleClient.connect((await serveConsole(net)).path);
  atEnd(() => client.close());
  const ask = dataFrom(client);
  const web = await net.join({ port: 1, description: 'tsvdeq name=web user=root pid=7' });
  const other = await net.join({ port: 4, description: 'vde_plug\x1b[2J\x9b' });
  const path = `${temporaryDirectory()}/s`;
  await net.sw.attach(`stream,id=up,name=uplink,switchport=9,vlan=10,addr.type=unix,addr.path=${path}`);
  net.sw.ports.create(20);
  net.sw.ports.setName(20, 'spare');
  net.sw.vlans.create(30);
  for (const port of ['web', 'spare']) net.sw.vlans.addPort(10, port);
  const viewed = async (name: string, argument = '', between = async () => {}) => {
    const view = views.find((one) => one.name === name)!;
    const before = await view.sample(ask, argument);
    await between();
    const shown = view.show(await view.sample(ask, argument), before, 1);
    return { data: shown.data, lines: shown.draw(screen) };
  };
  return { ...net, ask, web, other, path, viewed };
}

test('ports: rates, names, states, and what is on each', async () => {
  const { web, other, viewed } = await lab();
  const { data, lines } = await viewed('ports', '', async () => {
    for (let i = 0; i < 10; i++) web.send(frame(BROADCAST, '02:00:00:00:00:01', 1250, i));
    await other.receives(frame(BROADCAST, '02:00:00:00:00:01', 1250, 9));
  });
  expect(lines).toEqual([
    'PORT  NAME    STATE  VLAN  RX bit/s  TX bit/s  DROPS  ENDPOINT',
    '   1  web     up        0      100k         0      0  vde tsvdeq user=root pid=7',
    '   4          up        0         0      100k      0  vde vde_plug\\x1b[2J\\x9b',
    '   9  uplink  down     10         0         0      0  up, not connected',
    '  20  spare   down      0         0         0      0',
  ]);
  expect(data).toMatchObject([
    {
      port: 1,
      name: 'web',
      state: 'up',
      rx: { bitsPerSecond: 100_000, framesPerSecond: 10, dropsPerSecond: 0, bytes: 12_500, frames: 10, drops: 0 },
      endpoints: [{ kind: 'vde' }],
    },
    { port: 4, tx: { bitsPerSecond: 100_000 } },
    { port: 9, attachment: 'up', endpoints: [] },
    { port: 20 },
  ]);
});

test('macs: where each address is, by port', async () => {
  const { web, other, viewed } = await lab();
  other.send(frame(BROADCAST, '02:00:00:00:00:01'));
  await web.receives(frame(BROADCAST, '02:00:00:00:00:01'));
  web.send(frame(BROADCAST, '02:00:00:00:00:02'));
  await other.receives(frame(BROADCAST, '02:00:00:00:00:02'));
  const { data, lines } = await viewed('macs');
  expect(lines).toEqual([
    'ADDRESS            VLAN  PORT  NAME  AGE  ENDPOINT',
    expect.stringMatching(/^02:00:00:00:00:02 {5}0 {5}1 {2}web {3}[01] s {2}vde tsvdeq user=root pid=7$/),
    expect.stringMatching(/^02:00:00:00:00:01 {5}0 {5}4 {8}[01] s {2}vde vde_plug\\x1b\[2J/),
  ]);
  // Ages are differences of whole seconds: a second may have begun meanwhile.
  expect(data).toMatchObject([{ name: 'web', port: 1, ageSeconds: expect.toSatisfy((age) => age <= 1) }, { port: 4 }]);
});

test('vlans and attachments: ports by number and name', async () => {
  const { viewed, path } = await lab();
  expect((await viewed('vlans')).lines).toEqual([
    'VLAN  UNTAGGED                   TAGGED',
    '   0  1 web, 4, 20 spare (down)  -',
    '  10  9 uplink (down)            1 web, 20 spare (down)',
    '  30  -                          -',
  ]);
  const { lines, data } = await viewed('attachments');
  expect(lines.slice(0, 2)).toEqual([
    'ID  KIND    PORTS            ADDRESSES  SPEC',
    expect.stringMatching(/^up {2}stream {2}9 uplink \(down\) {2}- {10}stream,id=up,/),
  ]);
  expect(
    lines
      .map((line) => line.slice(40))
      .join('')
      .replace('SPEC', ''),
  ).toContain(path);
  expect(data).toMatchObject([{ id: 'up', ports: [{ port: 9, name: 'uplink', state: 'down' }] }]);
});

test('port: everything about one, found by its name', async () => {
  const { web, other, viewed, sw } = await lab();
  sw.ports.setUser('web', 'daemon');
  sw.ports.setAllocatable('web', false);
  const began = second(-CLOCK_LAG_MS);
  web.send(frame(BROADCAST, '02:00:00:00:00:02').subarray(0, 13));
  web.send(frame(BROADCAST, '02:00:00:00:00:02'));
  await other.receives(frame(BROADCAST, '02:00:00:00:00:02'));
  const { data, lines } = await viewed('port', 'web');
  const [{ ageSeconds }] = (data as { addresses: [MacData] }).addresses;
  expect(ageSeconds).toBeLessThanOrEqual(second() - began); // 0, unless a second of the engine's clock has begun since
  expect(lines).toEqual([
    'Port          1 web',
    'State         up',
    'VLANs         0 untagged, 10',
    expect.stringMatching(/^Endpoint {6}\d+ vde tsvdeq name=web user=root pid=7$/),
    expect.stringMatching(/^User {10}\S+$/),
    'Reserved for  user daemon',
    'Allocatable   no: only by number',
    '',
    'TRAFFIC           RX        TX',
    'bit/s              0         0',
    'frames/s           0         0',
    'drops/s            0         0',
    'bytes             60         0',
    'unicast frames     0         0',
    'multicast frames   0         0',
    'broadcast frames   1         0',
    'times paused       0',
    'times stalled                0',
    'queued frames         0 of 256',
    '',
    'DROPPED    RX  TX',
    'too_short   1',
    '',
    'ADDRESS            VLAN  AGE',
    `02:00:00:00:00:02     0  ${ageSeconds} s`,
  ]);
  expect(data).toMatchObject({ port: 1, name: 'web', untaggedVlan: 0, taggedVlans: [10], user: 'daemon' });
  for (const [argument, code, message] of [
    ['nobody', 22, "'nobody' is neither the number nor the name of a port (EINVAL)"],
    ['7', 6, 'there is no port 7 (ENXIO)'],
    ['', 22, 'port takes one port, its number or its name (EINVAL)'],
  ] as const)
    await expect(viewed('port', argument)).rejects.toMatchObject({ exitCode: code, message });
});

test('a port that spanning tree blocks says so', async () => {
  const { viewed, sw, ask } = await lab();
  sw.spanningTrees.switchOn();
  const stateless = views.find(({ name }) => name === 'ports')!;
  const sample = (await stateless.sample(ask, '')) as { vlans: { ports: { port: number; state: string }[] }[] };
  sample.vlans[0]!.ports.find(({ port }) => port === 1)!.state = 'discarding';
  expect(stateless.show(sample, sample, 1).draw(screen)[1]).toMatch(/^ {3}1 {2}web {5}blocked /);
  expect((await viewed('ports')).lines).toHaveLength(5);
});

test('rates count from 0 for a new port, and for counters that were reset', () => {
  const counters = (receiveBytes: number, receiveUnicast: number) =>
    ({
      receiveBytes,
      receiveUnicast,
      receiveMulticast: 0,
      receiveBroadcast: 0,
      receiveDrops: {},
      transmitDrops: { a: 3, b: 4 },
    }) as never;
  expect(trafficOf(counters(500, 5), counters(100, 1), 2).rx).toMatchObject({
    bitsPerSecond: 1600,
    framesPerSecond: 2,
  });
  expect(trafficOf(counters(500, 5), undefined, 1)).toMatchObject({ rx: { bitsPerSecond: 4000 }, tx: { drops: 7 } });
  expect(trafficOf(counters(50, 5), counters(100, 1), 1).rx).toMatchObject({ bitsPerSecond: 400, framesPerSecond: 4 });
});

test('a look is one table, or JSON, or a screen that is drawn over', async () => {
  const { ask } = await lab();
  const [view] = views.filter(({ name }) => name === 'vlans');
  const written: string[] = [];
  const write = (text: string) => {
    written.push(text);
    if (written.length === 3) throw new Error('enough');
  };
  const options = { argument: '', json: false, screen, write };
  await look(view!, ask, options);
  expect(written.splice(0).join('')).toMatch(/^VLAN .*\n( .*\n){3}$/);
  await look(view!, ask, { ...options, json: true });
  expect(JSON.parse(written.splice(0).join(''))).toMatchObject({
    code: 1000,
    errno: null,
    data: [{ vlan: 0 }, {}, {}],
  });
  const ports = views.find(({ name }) => name === 'ports')!;
  await look(ports, ask, { ...options, json: true });
  expect(written.splice(0).join('')).toContain('vde_plug\\u001b[2J\\u009b');
  const watching = { ...options, watch: 0.01 };
  await expect(look(view!, ask, { ...watching, height: 4 })).rejects.toThrow('enough');
  const [first, second] = written.splice(0);
  expect(first).toBe(`\x1b[2J${second}`);
  const end = '\x1b[K\n';
  const lines = second!.split(end);
  expect([lines[0]!.slice(0, 7), ...lines.slice(2)]).toEqual(['\x1b[HVLAN', '… 2 more lines', '\x1b[J']);
  await expect(look(view!, ask, watching)).rejects.toThrow('enough');
  expect(written.splice(0)[1]).toMatch(/^\nVLAN /);
});
