// Tests the rules for what a BPDU means on a port, what is elected and what is compared, each rule with its limits.
import { describe, expect, test } from 'vitest';
import type { Bpdu } from '../../src/fstp/bpdu.ts';
import { elect, sameElection } from '../../src/fstp/election.ts';
import { AGE_MAX, COST_MAX, PORT_COST } from '../../src/fstp/limits.ts';
import { dueState, newPort, type TreePort } from '../../src/fstp/port.ts';
import { bridgeId, compareVectors, portId, sameSender, type Vector } from '../../src/fstp/vector.ts';
import { judge } from '../../src/fstp/verdict.ts';
import { idOf } from '../support/fstp-forge.ts';

const OURS: Vector = { root: idOf(3), cost: PORT_COST, bridge: idOf(5), port: 0x8001 };
const HELD: Vector = { root: idOf(2), cost: 0, bridge: idOf(4), port: 0x8007 };

const bpdu = (fields: Partial<Bpdu>): Bpdu => ({
  topologyChange: false,
  proposal: false,
  role: 'designated',
  forwarding: true,
  agreement: true,
  age: 0,
  ...OURS,
  ...fields,
});

function port(number = 1, vector?: Vector): TreePort {
  const made = newPort(number, false, false);
  if (vector) made.offer = { vector, age: 0, heardAt: 0 };
  return made;
}

describe('on a port without an offer, a BPDU', () => {
  test.each<[string, string, Partial<Bpdu>]>([
    ['with a better root is an offer', 'offer', { root: idOf(2), bridge: idOf(9), cost: 9 * PORT_COST }],
    ['with a lower cost is an offer', 'offer', { cost: 0, bridge: idOf(9) }],
    ['of a better bridge is an offer', 'offer', { bridge: idOf(4), port: 0x80ff }],
    ['of our own that came back is an offer', 'offer', {}],
    ['with a worse cost is a contradiction', 'contradiction', { cost: PORT_COST + 1, bridge: idOf(4) }],
    ['of a worse bridge is a contradiction', 'contradiction', { bridge: idOf(9) }],
    ['of a worse bridge that blocks its end is a concession', 'concession', { bridge: idOf(9), role: 'blocked' }],
    ['of a worse root that blocks its end is a contradiction', 'contradiction', { root: idOf(9), role: 'blocked' }],
    ['of a worse root is a contradiction', 'contradiction', { root: idOf(9) }],
    ['from a root port with a worse offer is a concession', 'concession', { role: 'root', cost: 2 * PORT_COST }],
    ['from a root port with our own offer is a contradiction', 'contradiction', { role: 'root' }],
    ['from a root port with a better offer is a contradiction', 'contradiction', { role: 'root', cost: 0 }],
    ['from a root port with a worse root is a contradiction', 'contradiction', { role: 'root', root: idOf(9) }],
  ])('%s', (_, verdict, fields) => {
    expect(judge(bpdu(fields), port(), OURS)).toBe(verdict);
  });
});

describe('on a port with an offer, a BPDU', () => {
  test.each<[string, string, Partial<Bpdu>]>([
    ['of its sender replaces it', 'offer', { ...HELD, cost: PORT_COST }],
    ['of its sender replaces it, also with a worse root than ours', 'offer', { ...HELD, root: idOf(9) }],
    ['of its sender, from a root port, withdraws it', 'withdrawal', { ...HELD, role: 'root' }],
    ['of its sender that is too old withdraws it', 'withdrawal', { ...HELD, age: AGE_MAX }],
    ['of its sender whose cost is too high withdraws it', 'withdrawal', { ...HELD, cost: COST_MAX }],
    ['of another sender replaces it where it is better', 'offer', { ...HELD, bridge: idOf(3) }],
    ['of another port of its sender counts as one of another sender', 'nothing', { ...HELD, port: 0x8008 }],
    ['of another sender is nothing where it is worse', 'nothing', { ...HELD, bridge: idOf(6) }],
    ['of another sender is a contradiction where it is worse than ours', 'contradiction', { bridge: idOf(9) }],
  ])('%s', (_, verdict, fields) => {
    expect(judge(bpdu(fields), port(1, HELD), OURS)).toBe(verdict);
  });
});

describe('the limits of an offer', () => {
  const better = { root: idOf(2), bridge: idOf(9) };
  test.each<[string, Partial<Bpdu>]>([
    ['offer', { age: AGE_MAX - 1 }],
    ['nothing', { age: AGE_MAX }],
    ['offer', { cost: COST_MAX - PORT_COST }],
    ['nothing', { cost: COST_MAX - PORT_COST + 1 }],
    ['nothing', { age: 0xffff, cost: 0xffffffff }],
  ])('give %s for %j', (verdict, fields) => {
    expect(judge(bpdu({ ...better, ...fields }), port(), OURS)).toBe(verdict);
  });
});

describe('the election', () => {
  const own = idOf(5);
  const costs = () => PORT_COST;
  const offer = (bridge: number, cost: number, root = 1) => ({
    root: idOf(root),
    cost,
    bridge: idOf(bridge),
    port: 0x8001,
  });

  test('is won by the best offer, to which the cost of the port is added', () => {
    const ports = [
      port(1),
      port(2, offer(7, PORT_COST)),
      port(3, offer(6, PORT_COST)),
      port(4, offer(4, 2 * PORT_COST)),
    ];
    expect(elect(own, ports, costs)).toEqual({
      root: idOf(1),
      cost: 2 * PORT_COST,
      port: ports[2],
      designated: idOf(6),
    });
    expect(elect(own, ports, ({ number }) => (number === 4 ? 0 : 2 * PORT_COST))).toMatchObject({ port: ports[3] });
  });

  test.each([
    [[1, 2], 0],
    [[2, 1], 1],
  ])('is won by the lower number where ports %j hear the same offer', (numbers, winner) => {
    const ports = numbers.map((number) => port(number, offer(4, 0)));
    expect(elect(own, ports, costs).port).toBe(ports[winner]);
  });

  test('is ours where no offer is better, or all are our own', () => {
    const ours = { root: own, cost: 0, port: undefined, designated: undefined };
    expect(elect(own, [], costs)).toEqual(ours);
    expect(elect(own, [port(1), port(2, offer(5, 0)), port(3, offer(4, 0, 9))], costs)).toEqual(ours);
  });

  test('is the same only if every part of it is', () => {
    const one = elect(own, [port(1, offer(4, 0))], costs);
    expect(sameElection(one, { ...one })).toBe(true);
    for (const change of [{ root: own }, { cost: 1 }, { port: port(2) }, { designated: idOf(6) }])
      expect(sameElection(one, { ...one, ...change }), JSON.stringify(Object.keys(change))).toBe(false);
  });
});

describe('vectors', () => {
  test('are compared by root, cost, bridge and port', () => {
    const order = (fields: Partial<Vector>) => Math.sign(compareVectors({ ...OURS, ...fields }, OURS));
    expect(order({})).toBe(0);
    expect(order({ root: idOf(2), cost: 1e9, bridge: idOf(9), port: 0xffff })).toBe(-1);
    expect(order({ root: idOf(4), cost: 0, bridge: idOf(1), port: 0 })).toBe(1);
    expect(order({ cost: 0, bridge: idOf(9) })).toBe(-1);
    expect(order({ cost: 1e9, bridge: idOf(1) })).toBe(1);
    expect(order({ bridge: idOf(4), port: 0xffff })).toBe(-1);
    expect(order({ bridge: idOf(6), port: 0 })).toBe(1);
    expect(order({ port: 0x8000 })).toBe(-1);
    expect(order({ port: 0x8002 })).toBe(1);
  });

  test('are of one sender if bridge and port are the same', () => {
    expect(sameSender(OURS, { ...OURS, root: idOf(1), cost: 7 })).toBe(true);
    expect(sameSender(OURS, { ...OURS, port: 0x8002 })).toBe(false);
    expect(sameSender(OURS, { ...OURS, bridge: idOf(1) })).toBe(false);
  });

  test('have the IDs of vde_switch', () => {
    expect(bridgeId(0x8000, '00:ff:00:00:00:05')).toBe('80:00:00:ff:00:00:00:05');
    expect(bridgeId(0x1_0007, 'm')).toBe('00:07:m');
    expect([1, 16, 255, 256].map(portId)).toEqual([0x8001, 0x8110, 0x8fff, 0x9000]);
  });
});

test('only edges, the root port, conceded ports and ports without a neighbour forward', () => {
  const state = (fields: Partial<TreePort>) => dueState({ ...port(), heardAt: 1, ...fields });
  expect(state({ heardAt: undefined })).toBe('forwarding');
  expect(state({ role: 'edge' })).toBe('forwarding');
  expect(state({ role: 'root' })).toBe('forwarding');
  expect(state({ role: 'designated', conceded: true })).toBe('forwarding');
  expect(state({ role: 'designated' })).toBe('discarding');
  for (const role of ['alternate', 'backup'] as const) expect(state({ role, conceded: true })).toBe('discarding');
});
