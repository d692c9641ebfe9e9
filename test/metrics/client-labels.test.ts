// Labels that clients choose cannot create series without bound.
import { describe, expect, test } from 'vitest';
import { BoundedValues, describeWithoutPid } from '../../src/metrics/client-labels.ts';
import { atEnd } from '../support/at-end.ts';
import { startMetrics } from '../support/metrics.ts';
import { network } from '../support/network.ts';

test.each([
  ['tsvdeq user=root pid=7 name=web', 'tsvdeq user=root name=web'],
  ['pid 81, uid 0', 'uid 0'],
  ['PID=1', ''],
  ['rapid=7 pid=x', 'rapid=7 pid=x'],
  ['a\n  b\tc', 'a b c'],
  ['bell \x07 escape \x1b[2J', 'bell \\x07 escape \\x1b[2J'],
  ['😀'.repeat(200), '😀'.repeat(128)],
])('the description %j is shown as %j', (description, shown) => {
  expect(describeWithoutPid(description)).toBe(shown);
});

describe('the values of a label', () => {
  test('a port has at most 16 values, and those that were shown stay', () => {
    const values = new BoundedValues();
    const shown = Array.from({ length: 20 }, (_, i) => values.bounded(1, `v${i}`, 0));
    expect(shown.slice(0, 16)).toEqual(Array.from({ length: 16 }, (_, i) => `v${i}`));
    expect(shown.slice(16)).toEqual(['', '', '', '']);
    expect(values.bounded(1, 'v3', 1)).toBe('v3');
    expect(values.bounded(2, 'v19', 1)).toBe('v19');
  });

  test('a value that was not shown for an hour makes room', () => {
    const values = new BoundedValues();
    for (let i = 0; i < 16; i++) values.bounded(1, `v${i}`, i);
    expect(values.bounded(1, 'new', 3600)).toBe('');
    expect(values.bounded(1, 'new', 3601)).toBe('new');
    expect(values.bounded(1, 'newer', 3601)).toBe('');
  });

  test('a removed port is forgotten', () => {
    const values = new BoundedValues();
    for (let i = 0; i < 16; i++) values.bounded(1, `v${i}`, 0);
    values.retain(new Set([2]));
    expect(values.bounded(1, 'new', 0)).toBe('new');
  });
});

test('a client that joins again and again with other descriptions and names creates a bounded number of series', async () => {
  const net = await network();
  const server = await startMetrics(net.sw);
  atEnd(() => server.close());
  const series = new Set<string>();
  for (let i = 0; i < 30; i++) {
    const client = await net.join({ port: 1, description: `guest ${i} name=n${i} pid=${i}` });
    const text = await (await fetch(server.address)).text();
    for (const line of text.split('\n'))
      if (/^tsvde_(port|endpoint)_info/.test(line)) series.add(line.slice(0, line.lastIndexOf(' ')));
    client.plug.close();
  }
  const of = (name: string) => [...series].filter((one) => one.startsWith(name)).length;
  expect(of('tsvde_endpoint_info')).toBeLessThanOrEqual(17);
  // At most 17 names, each with the kind vde or, while no client is on the port, without a kind.
  expect(of('tsvde_port_info')).toBeLessThanOrEqual(34);
});
