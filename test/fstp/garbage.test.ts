// Forged BPDUs, malformed or in floods: none throws, and the answers to them are limited.
import { expect, test } from 'vitest';
import { SENDS_PER_SECOND } from '../../src/fstp/limits.ts';
import type { SpanningTree } from '../../src/fstp/machine.ts';
import { randomFrom } from '../conformance.ts';
import { forged, machine } from '../support/fstp-forge.ts';
import { FstpNetwork, VLAN } from '../support/fstp-network.ts';

const PORTS = 8;
const FLOOD = 10_000;

/** Receives FLOOD frames on port 1 within one second and counts the frames sent on each port and the flushes. */
function flood(
  tree: SpanningTree,
  frame: (i: number) => Buffer,
): { sends: number[]; flushes: number; effects: number } {
  const sends = Array.from({ length: PORTS + 1 }, () => 0);
  let [flushes, effects] = [0, 0];
  for (let i = 0; i < FLOOD; i++) {
    for (const effect of tree.receive({ vlan: VLAN, port: 1, bytes: frame(i) }, 5)) {
      effects++;
      if (effect.kind === 'send') sends[effect.port]!++;
      else if (effect.kind === 'flush') flushes++;
    }
  }
  return { sends, flushes, effects };
}

test.each([
  ['a short BPDU', () => forged().subarray(0, 50)],
  ['an empty frame', () => Buffer.alloc(0)],
  ['a BPDU of the older spanning tree', () => forged().fill(0, 19, 21)],
] as const)('%s changes nothing and is not answered', (_, frame) => {
  const tree = machine(PORTS);
  const before = tree.view(VLAN);
  expect(flood(tree, frame).effects).toBe(0);
  expect({ ...tree.view(VLAN), age: 0 }).toEqual({ ...before, age: 0 });
});

test.each([
  ['different roots', (i: number) => forged({ root: `00:00:00:00:00:00:00:${10 + (i % 80)}` })],
  [
    'topology changes',
    () => forged({ topologyChange: true, role: 'root', root: '80:00:00:ff:00:00:00:05', cost: 2e7 }),
  ],
  ['worse offers', () => forged()],
  ['alternating better and worse offers', (i: number) => forged(i % 2 ? {} : { root: '00:00:00:00:00:00:00:01' })],
  [
    "BPDUs with the switch's own bridge id",
    (i: number) => forged({ bridge: '80:00:00:ff:00:00:00:05', port: 0x8000 + (i % 256) }),
  ],
] as const)('a flood of %s, 10,000 a second, gets a limited number of answers', (_, frame) => {
  const tree = machine(PORTS);
  for (let port = 2; port <= PORTS; port++)
    tree.receive({ vlan: VLAN, port, bytes: forged({ bridge: `80:00:00:ff:00:00:00:a${port}` }) }, 4);
  const { sends, flushes, effects } = flood(tree, frame);
  expect(Math.max(...sends)).toBeLessThanOrEqual(SENDS_PER_SECOND);
  expect(flushes).toBeLessThanOrEqual(4);
  expect(effects).toBeLessThan(FLOOD * (4 * PORTS + 4));
});

test('the tree recovers after a flood of better roots on one port', () => {
  const net = new FstpNetwork();
  for (const [i, name] of ['a', 'b', 'c'].entries()) net.bridge(name, i + 1);
  net.segment('x', 'a1 b1');
  net.segment('y', 'b2 c1');
  net.segment('z', 'c2 a2');
  net.segment('guest', 'c3');
  net.run(1);
  for (let second = 0; second < 10; second++) {
    for (let i = 0; i < 1000; i++)
      net.inject('guest', forged({ root: `00:00:00:00:00:00:${10 + second}:${10 + (i % 80)}` }));
    net.run(1);
  }
  net.run(60);
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 designated forwarding');
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding, 3 designated forwarding');
});

test('forged worse roots block only the port that receives them', () => {
  const tree = machine(PORTS);
  for (let second = 1; second <= 30; second++) {
    tree.receive({ vlan: VLAN, port: 1, bytes: forged() }, second);
    tree.tick(second);
  }
  const states = tree.view(VLAN)!.ports.map(({ state }) => state);
  expect(states).toEqual(['discarding', ...Array(PORTS - 1).fill('forwarding')]);
});

test.each([{ age: 40 }, { age: 65535 }, { cost: 790_000_000 }, { cost: 0xffffffff }])(
  'an offer beyond the limits is ignored: %j',
  (fields) => {
    const tree = machine(PORTS);
    const root = '00:00:00:00:00:00:00:01';
    tree.receive({ vlan: VLAN, port: 1, bytes: forged({ root, ...fields }) }, 1);
    expect(tree.view(VLAN)).toMatchObject({ rootPort: undefined, cost: 0 });
    tree.receive({ vlan: VLAN, port: 1, bytes: forged({ root, age: 39, cost: 780_000_000 }) }, 1);
    expect(tree.view(VLAN)).toMatchObject({ rootPort: 1, cost: 800_000_000 });
  },
);

test('unknown VLANs and ports have no effect', () => {
  const tree = machine(PORTS);
  expect(tree.receive({ vlan: 7, port: 1, bytes: forged() }, 1)).toEqual([]);
  expect(tree.receive({ vlan: VLAN, port: 99, bytes: forged() }, 1)).toEqual([]);
  expect(tree.removePort({ vlan: VLAN, port: 99 }, 1)).toEqual([]);
  expect(tree.setEdge({ vlan: VLAN, port: 99, edge: true }, 1)).toEqual([]);
  expect(tree.view(7)).toBeUndefined();
});

test('a station that sends random BPDUs does not break the tree', () => {
  const below = randomFrom(7);
  const net = new FstpNetwork();
  for (const [i, name] of ['a', 'b', 'c'].entries()) net.bridge(name, i + 1);
  for (const [name, places] of Object.entries({ x: 'a1 b1', y: 'b2 c1', z: 'c2 a2', g: 'b3 c3' }))
    net.segment(name, places);
  for (let second = 0; second < 100; second++) {
    for (let i = 0; i < 50; i++) {
      const bytes = forged();
      for (let change = 0; change < 1 + below(8); change++) bytes[21 + below(30)] = below(256);
      net.inject('g', below(4) === 0 ? Buffer.from(bytes.subarray(0, below(54))) : bytes);
    }
    net.run(1);
  }
  const [b] = [net.bridges.get('b')!];
  expect(b.sent).toBeLessThan(100 * 3 * SENDS_PER_SECOND);
  net.run(80);
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 designated forwarding, 3 designated forwarding');
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding, 3 alternate discarding');
});
