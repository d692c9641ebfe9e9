// The rules for the answer of one switch to one BPDU.
import { expect, test } from 'vitest';
import type { Bpdu } from '../../src/fstp/bpdu.ts';
import type { SpanningTree } from '../../src/fstp/machine.ts';
import { brief, forged, idOf, machine } from '../support/fstp-forge.ts';
import { VLAN } from '../support/fstp-network.ts';

const COST = 20_000_000;

function hears(tree: SpanningTree, port: number, fields: Partial<Bpdu>, now = 1): string[] {
  return brief(tree.receive({ vlan: VLAN, port, bytes: forged(fields) }, now));
}

function state(tree: SpanningTree, port: number): string | undefined {
  return tree.view(VLAN)!.ports.find((one) => one.port === port)?.state;
}

/** Bridge 9 takes the offer of the port and concedes: its root port leads to the tree under test. */
function concede(tree: SpanningTree, port: number): string[] {
  const { root, cost } = tree.view(VLAN)!;
  return hears(tree, port, { role: 'root', root, cost: cost + COST, bridge: idOf(9) });
}

test('a better root blocks ports to other switches before any answer, and each opens as its switch concedes', () => {
  const tree = machine(3);
  concede(tree, 2);
  expect(state(tree, 2)).toBe('forwarding');
  // Port 3 has no switch behind it and stays forwarding.
  expect(hears(tree, 1, { root: idOf(1), bridge: idOf(1) })).toEqual(['2 discarding', 'flush', 'send 1 tc', 'send 2']);
  expect(concede(tree, 2)).toEqual(['2 forwarding', 'flush', 'send 1 tc', 'send 2 tc']);
});

test('each of 256 BPDUs in one second is evaluated, the last included', () => {
  const tree = machine(1);
  for (let i = 0; i < 255; i++) hears(tree, 1, {});
  hears(tree, 1, { root: idOf(1), bridge: idOf(1) });
  expect(tree.view(VLAN)).toMatchObject({ root: idOf(1), rootPort: 1 });
});

test('a repeated hello has no effect', () => {
  const tree = machine(2);
  hears(tree, 1, { root: idOf(1), bridge: idOf(1) });
  expect(hears(tree, 1, { root: idOf(1), bridge: idOf(1) }, 5)).toEqual([]);
});

test('the root port answers a neighbour that waits', () => {
  const tree = machine(2);
  hears(tree, 1, { root: idOf(1), bridge: idOf(1) });
  expect(hears(tree, 1, { root: idOf(1), bridge: idOf(1), role: 'blocked', proposal: true })).toEqual(['send 1']);
});

test('a better root from a neighbour whose root port leads to this switch is not taken, and gets an answer', () => {
  const tree = machine(1);
  expect(hears(tree, 1, { role: 'root', root: idOf(1), cost: COST })).toEqual(['1 discarding', 'flush', 'send 1']);
  expect(tree.view(VLAN)).toMatchObject({ rootPort: undefined });
});

test('a neighbour with a worse offer gets an answer, and the port to it is blocked until it concedes', () => {
  const tree = machine(1);
  expect(hears(tree, 1, { bridge: idOf(9) })).toEqual(['1 discarding', 'flush', 'send 1']);
  expect(concede(tree, 1)).toEqual(['1 forwarding', 'flush', 'send 1 tc']);
});

test('the offer of a neighbour ends when the neighbour reaches the root through this switch', () => {
  const tree = machine(1);
  hears(tree, 1, { root: idOf(1), cost: COST, bridge: idOf(2) });
  expect(tree.view(VLAN)).toMatchObject({ root: idOf(1), rootPort: 1, cost: 2 * COST });
  hears(tree, 1, { root: idOf(1), cost: 3 * COST, bridge: idOf(2), role: 'root' });
  expect(tree.view(VLAN)).toMatchObject({ root: idOf(5), rootPort: undefined, cost: 0 });
});

test('a worse offer on the root port replaces its last one, and the best offer of all ports wins', () => {
  const tree = machine(2);
  hears(tree, 1, { root: idOf(1), bridge: idOf(2), cost: COST });
  hears(tree, 2, { root: idOf(1), bridge: idOf(3), cost: COST });
  expect(tree.view(VLAN)).toMatchObject({ rootPort: 1, designated: idOf(2) });
  hears(tree, 1, { root: idOf(1), bridge: idOf(2), cost: 2 * COST });
  expect(tree.view(VLAN)).toMatchObject({ rootPort: 2, designated: idOf(3), cost: 2 * COST });
});

test('a BPDU of this switch that returns on another port does not lead to a better root', () => {
  const tree = machine(2);
  hears(tree, 2, { root: idOf(1), cost: COST, bridge: idOf(5), port: 0x8001 });
  expect(tree.view(VLAN)).toMatchObject({ root: idOf(5), rootPort: undefined });
  expect(state(tree, 2)).toBe('discarding');
});

test('a topology change is passed on to the other switches once, and not from a blocked port', () => {
  const tree = machine(4);
  concede(tree, 2);
  hears(tree, 1, { root: idOf(1), bridge: idOf(1) });
  concede(tree, 2);
  hears(tree, 3, { root: idOf(1), bridge: idOf(4), cost: COST, port: 0x8001 });
  expect(state(tree, 3)).toBe('discarding');
  expect(hears(tree, 1, { root: idOf(1), bridge: idOf(1), topologyChange: true }, 2)).toEqual(['flush', 'send 2 tc']);
  const blocked = { root: idOf(1), bridge: idOf(4), cost: COST, topologyChange: true };
  expect(hears(tree, 3, blocked, 3)).toEqual([]);
});

test('a topology change that circulates ends: changes are passed on at most eight times a second', () => {
  const tree = machine(3);
  for (const port of [1, 2, 3]) concede(tree, port);
  const change = (now: number) =>
    hears(tree, 1, { role: 'root', root: idOf(5), cost: COST, bridge: idOf(9), topologyChange: true }, now);
  const passedOn = Array.from({ length: 10 }, (_, i) => change(2 + i / 100).filter((one) => one !== 'flush'));
  expect(passedOn).toEqual([...Array(8).fill(['send 2 tc', 'send 3 tc']), [], []]);
  // The limit of eight does not apply to the switch's own changes. The flushes beyond four in this second become one
  // flush in the next.
  expect(hears(tree, 3, {}, 2.2)).toEqual(['3 discarding', 'send 3', 'send 1 tc', 'send 2 tc']);
  expect(brief(tree.tick(3))).toEqual(['flush']);
  expect(change(3.1)).toEqual(['flush', 'send 2 tc']);
});

test('a BPDU or flush beyond the limit of one second is made up for once in the next second', () => {
  const tree = machine(52);
  concede(tree, 1);
  const now = Array.from({ length: 50 }, (_, i) => hears(tree, 3 + i, {})).flat();
  expect(now.filter((one) => one === 'send 1 tc').length).toBeLessThanOrEqual(20);
  expect(now.filter((one) => one === 'flush').length).toBeLessThanOrEqual(4);
  expect(brief(tree.tick(2))).toEqual(['flush', 'send 1 tc']);
  expect(brief(tree.tick(3))).toEqual([]);
});

test('a flush that waits for the next second is made up for when spanning tree is switched off', () => {
  const tree = machine(52);
  concede(tree, 1);
  for (let i = 0; i < 50; i++) hears(tree, 3 + i, {});
  expect(brief(tree.switchOff(1.5)).at(-1)).toBe('flush');
});

test('an offer expires after 12 s of silence, and the neighbour after 20 s', () => {
  const tree = machine(2);
  hears(tree, 1, { root: idOf(1), bridge: idOf(1) }, 0);
  const at = (second: number) => tree.tick(second).flatMap((effect) => (effect.kind === 'event' ? [effect.text] : []));
  const texts = Array.from({ length: 21 }, (_, i) => at(i + 1));
  expect(texts.flatMap((text, i) => (text.length > 0 ? [[i + 1, ...text]] : []))).toEqual([
    [13, `Port 0000 VLAN 00:00 -> ${idOf(5)}`, 'Port 0001 VLAN 00:00 discarding'],
    [21, 'Port 0001 VLAN 00:00', 'Port 0001 VLAN 00:00 learning+forwarding'],
  ]);
});
