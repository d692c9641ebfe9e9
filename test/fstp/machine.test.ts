// The spanning trees of one switch: VLANs, ports and settings that come and go, and the bytes of the BPDUs sent.
import { describe, expect, test } from 'vitest';
import { type Bpdu, decodeBpdu } from '../../src/fstp/bpdu.ts';
import type { Effect } from '../../src/fstp/effect.ts';
import { PORT_COST } from '../../src/fstp/limits.ts';
import { SpanningTree } from '../../src/fstp/machine.ts';
import { brief, forged, idOf, machine } from '../support/fstp-forge.ts';

const MAC = '00:ff:00:00:00:05';
const VLAN = 0;

/** The BPDUs sent, by port. */
function sent(effects: Effect[]): Record<number, Bpdu> {
  return Object.fromEntries(
    effects.flatMap((effect) => (effect.kind === 'send' ? [[effect.port, decodeBpdu(effect.bytes)!]] : [])),
  );
}

const hear = (tree: SpanningTree, port: number, fields: Partial<Bpdu>, now = 1) =>
  tree.receive({ vlan: VLAN, port, bytes: forged(fields) }, now);
const texts = (effects: Effect[]) =>
  effects.flatMap((effect) => (effect.kind === 'event' ? [`${effect.category} ${effect.text}`] : []));

describe('a machine', () => {
  test('has its address in small letters and 16 bits of priority', () => {
    const tree = new SpanningTree({ mac: '00:FF:00:00:00:05', priority: 0x1_0010 });
    expect([tree.mac, tree.priority]).toEqual([MAC, 0x10]);
    tree.createVlan(VLAN, 0);
    expect(tree.view(VLAN)!.root).toBe(`00:10:${MAC}`);
    expect(new SpanningTree({ mac: MAC }).priority).toBe(0x8000);
  });

  test('is off at first, and switched on and off once', () => {
    const tree = new SpanningTree({ mac: MAC });
    tree.createVlan(VLAN, 0);
    expect(tree.on).toBe(false);
    expect(brief(tree.addPort({ vlan: VLAN, port: 1, tagged: false }, 0))).toEqual([]);
    expect(hear(tree, 1, { root: idOf(1) })).toEqual([]);
    expect(brief(tree.tick(100))).toEqual([]);
    expect(tree.switchOff(100)).toEqual([]);
    expect(brief(tree.switchOn(100))).toEqual(['send 1']);
    expect(tree.on).toBe(true);
    expect(tree.switchOn(100)).toEqual([]);
    hear(tree, 1, { root: idOf(1), bridge: idOf(1) }, 100);
    expect(tree.view(VLAN)).toMatchObject({ root: idOf(1), rootPort: 1, designated: idOf(1), cost: PORT_COST });
    expect(texts(tree.switchOff(101))).toEqual([`fstp/root Port 0000 VLAN 00:00 -> ${idOf(5)}`]);
    expect(tree.on).toBe(false);
    expect(tree.view(VLAN)).toMatchObject({ root: idOf(5), rootPort: undefined, designated: undefined, cost: 0 });
    expect(tree.switchOff(101)).toEqual([]);
    expect(brief(tree.tick(200))).toEqual([]);
  });

  test('opens every port when it is switched off, and sends nothing that was due', () => {
    const tree = machine(2);
    hear(tree, 2, {});
    for (let i = 0; i < 40; i++) hear(tree, 2, { bridge: idOf(0x90 + (i % 2)) });
    expect(tree.view(VLAN)!.ports[1]).toMatchObject({ state: 'discarding' });
    expect(brief(tree.switchOff(1.5))).toEqual(['2 forwarding', 'flush']);
    expect(brief(tree.tick(3))).toEqual([]);
  });
});

describe('VLANs', () => {
  test('are listed in order, and known once', () => {
    const tree = new SpanningTree({ mac: MAC });
    for (const vlan of [10, 9, 2]) expect(texts(tree.createVlan(vlan, 0))).toHaveLength(1);
    expect(tree.vlans()).toEqual([2, 9, 10]);
    tree.addPort({ vlan: 9, port: 1, tagged: true }, 0);
    expect(tree.createVlan(9, 0)).toEqual([]);
    expect(tree.view(9)!.ports).toHaveLength(1);
    tree.removeVlan(9);
    expect(tree.vlans()).toEqual([2, 10]);
    expect(tree.view(9)).toBeUndefined();
    expect(tree.addPort({ vlan: 9, port: 1, tagged: true }, 0)).toEqual([]);
    expect(tree.receive({ vlan: 9, port: 1, bytes: forged() }, 0)).toEqual([]);
  });

  test('send BPDUs from their creation if the machine is on, each VLAN for itself', () => {
    const tree = machine(1);
    tree.createVlan(7, 0);
    expect(brief(tree.addPort({ vlan: 7, port: 1, tagged: true }, 0))).toEqual(['send 1']);
    tree.receive({ vlan: 7, port: 1, bytes: forged({ root: idOf(1), bridge: idOf(1) }) }, 1);
    expect(tree.view(7)).toMatchObject({ rootPort: 1 });
    expect(tree.view(VLAN)).toMatchObject({ rootPort: undefined });
    const hellos = [2, 3, 4].flatMap((now) => tree.tick(now)).filter(({ kind }) => kind === 'send');
    expect(hellos.map((effect) => effect.kind === 'send' && [effect.vlan, effect.tagged, effect.bytes.length])).toEqual(
      [
        [0, false, 53],
        [7, true, 57],
      ],
    );
  });
});

describe('the view', () => {
  test('has untagged ports first, by number', () => {
    const tree = machine(0);
    for (const [port, tagged] of [[10, false], [3, true], [9, false], [1, true], [2, true]] as const) // biome-ignore format: a row
      tree.addPort({ vlan: VLAN, port, tagged }, 0);
    expect(tree.view(VLAN)!.ports.map(({ port, tagged }) => [port, tagged])).toEqual([
      [9, false],
      [10, false],
      [1, true],
      [2, true],
      [3, true],
    ]);
    tree.addPort({ vlan: VLAN, port: 2, tagged: false }, 0);
    expect(tree.view(VLAN)!.ports[0]).toEqual({
      port: 2,
      tagged: false,
      cost: PORT_COST,
      role: 'designated',
      state: 'forwarding',
    });
    expect(tree.view(VLAN)!.ports).toHaveLength(5);
  });

  test('has the age of the root in seconds: since its last BPDU, or since the start', () => {
    const tree = machine(1);
    tree.tick(1.9);
    tree.tick(3.7);
    expect(tree.view(VLAN)!.age).toBe(3);
    hear(tree, 1, { root: idOf(1), bridge: idOf(1) }, 4);
    expect(tree.view(VLAN)!.age).toBe(0);
    tree.tick(5);
    tree.tick(6.5);
    expect(tree.view(VLAN)!.age).toBe(2);
  });
});

describe('a bonus', () => {
  test('lowers the cost of one port, at once', () => {
    const tree = machine(2);
    expect(tree.view(VLAN)!.bonus).toEqual({ port: 0, cost: 0 });
    for (const port of [1, 2]) hear(tree, port, { root: idOf(1), bridge: idOf(port + 1), cost: PORT_COST });
    expect(tree.view(VLAN)).toMatchObject({ rootPort: 1, cost: 2 * PORT_COST });
    tree.setBonus({ vlan: VLAN, port: 2, cost: 5 }, 1);
    expect(tree.view(VLAN)).toMatchObject({ rootPort: 2, cost: 2 * PORT_COST - 5, bonus: { port: 2, cost: 5 } });
    tree.setBonus({ vlan: VLAN, port: 2, cost: 2 * PORT_COST }, 1);
    expect(tree.view(VLAN)).toMatchObject({ cost: PORT_COST + 1 });
    tree.setBonus({ vlan: VLAN, port: 2, cost: -1e10 }, 1);
    expect(tree.view(VLAN)).toMatchObject({ rootPort: 1 });
    tree.removePort({ vlan: VLAN, port: 1 }, 1);
    expect(tree.view(VLAN)).toMatchObject({ rootPort: 2, cost: PORT_COST + 1e9 });
  });
});

describe('an edge port', () => {
  test('forwards, and neither sends nor hears', () => {
    const tree = machine(2);
    hear(tree, 1, {});
    expect(tree.view(VLAN)!.ports[0]).toMatchObject({ state: 'discarding' });
    expect(brief(tree.setEdge({ vlan: VLAN, port: 1, edge: true }, 1))).toEqual(['1 forwarding', 'flush']);
    expect(tree.view(VLAN)!.ports[0]).toMatchObject({ role: 'edge', state: 'forwarding' });
    expect(tree.setEdge({ vlan: VLAN, port: 1, edge: true }, 1)).toEqual([]);
    expect(hear(tree, 1, { root: idOf(1) })).toEqual([]);
    expect(Object.keys(sent([2, 3, 4, 5].flatMap((now) => tree.tick(now))))).toEqual(['2']);
    expect(brief(tree.setEdge({ vlan: VLAN, port: 1, edge: false }, 5))).toEqual(['send 1']);
    expect(tree.view(VLAN)!.ports[0]).toMatchObject({ role: 'designated' });
  });

  test('is an edge port before it is active, and again after it was inactive', () => {
    const tree = machine(0);
    expect(tree.setEdge({ vlan: VLAN, port: 1, edge: true }, 0)).toEqual([]);
    for (let i = 0; i < 2; i++) {
      expect(tree.addPort({ vlan: VLAN, port: 1, tagged: false }, 0)).toEqual([]);
      expect(tree.view(VLAN)!.ports).toMatchObject([{ role: 'edge' }]);
      tree.removePort({ vlan: VLAN, port: 1 }, 0);
    }
    tree.setEdge({ vlan: VLAN, port: 1, edge: false }, 0);
    tree.addPort({ vlan: VLAN, port: 1, tagged: false }, 0);
    expect(tree.view(VLAN)!.ports).toMatchObject([{ role: 'designated' }]);
  });
});

describe('a removed port', () => {
  test("causes an event if a neighbour was heard there, and takes the neighbour's offer with it", () => {
    const tree = machine(3);
    expect(texts(tree.removePort({ vlan: VLAN, port: 3 }, 1))).toEqual([]);
    expect(tree.removePort({ vlan: VLAN, port: 3 }, 1)).toEqual([]);
    expect(texts(hear(tree, 1, { root: idOf(1), bridge: idOf(1) }))).toContain('fstp/+ Port 0001 VLAN 00:00');
    expect(texts(tree.removePort({ vlan: VLAN, port: 1 }, 1))).toEqual([
      'fstp/- Port 0001 VLAN 00:00',
      `fstp/root Port 0000 VLAN 00:00 -> ${idOf(5)}`,
    ]);
    expect(hear(tree, 3, { root: idOf(1) })).toEqual([]);
  });
});

describe('the BPDUs sent', () => {
  test('are hellos every four seconds, and tell the root, the cost and the port', () => {
    const tree = machine(2);
    const at = Array.from({ length: 12 }, (_, i) => Object.keys(sent(tree.tick(i + 1))).length);
    expect(at).toEqual([0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]);
    const { 2: hello } = sent([13, 14, 15, 16].flatMap((now) => tree.tick(now)));
    expect(hello).toEqual({
      topologyChange: false,
      proposal: false,
      role: 'designated',
      forwarding: true,
      agreement: true,
      root: idOf(5),
      cost: 0,
      bridge: idOf(5),
      port: 0x8002,
      age: 0,
    });
  });

  test('answer a neighbour by the role and state of the port', () => {
    const tree = machine(3);
    // A worse neighbour: our offer is proposed, and the port is blocked until the neighbour concedes.
    expect(sent(hear(tree, 1, { bridge: idOf(9) }))[1]).toMatchObject({
      role: 'blocked',
      proposal: true,
      forwarding: false,
      agreement: false,
    });
    // A better root at port 2: the answer agrees, and the neighbour at port 1 is asked again.
    const answers = sent(hear(tree, 2, { root: idOf(1), bridge: idOf(1), age: 6 }));
    expect(answers[2]).toMatchObject({
      role: 'root',
      proposal: false,
      forwarding: true,
      agreement: true,
      root: idOf(1),
      cost: PORT_COST,
      age: 7,
    });
    expect(answers[1]).toMatchObject({ role: 'blocked', proposal: true, root: idOf(1), agreement: false, age: 7 });
    // A second way to the root: an alternate port is blocked, and says so.
    const alternate = sent(hear(tree, 3, { root: idOf(1), bridge: idOf(4), cost: PORT_COST }))[3];
    expect(alternate).toMatchObject({ role: 'blocked', forwarding: false, agreement: true });
    expect(tree.view(VLAN)!.ports.map(({ role }) => role)).toEqual(['designated', 'root', 'alternate']);
    // Our own BPDU on a second port of ours: a backup port.
    hear(tree, 1, { root: idOf(1), bridge: idOf(5), cost: PORT_COST, port: 0x8000 });
    expect(tree.view(VLAN)!.ports[0]).toMatchObject({ role: 'backup', state: 'discarding' });
  });

  test('answer a new sender on a port, and a sender that proposes, but no repeated offer', () => {
    const tree = machine(1);
    const better = { root: idOf(1), cost: PORT_COST };
    expect(brief(hear(tree, 1, { ...better, bridge: idOf(3) }))).toContain('send 1');
    expect(brief(hear(tree, 1, { ...better, bridge: idOf(3) }))).toEqual([]);
    expect(sent(hear(tree, 1, { ...better, bridge: idOf(3), proposal: true }))[1]).toMatchObject({ agreement: true });
    expect(sent(hear(tree, 1, { ...better, bridge: idOf(2) }))[1]).toMatchObject({ agreement: true });
  });

  test('are merged where a limit delays them, and still agree afterwards', () => {
    const tree = machine(1);
    const worse = (bridge: number) => hear(tree, 1, { bridge: idOf(bridge) });
    for (let i = 0; i < 30; i++) worse(0x90);
    expect(brief(worse(0x90))).toEqual([]);
    hear(tree, 1, { root: idOf(1), bridge: idOf(1) });
    expect(sent(tree.tick(2))[1]).toMatchObject({ agreement: true, role: 'root', root: idOf(1) });
  });
});

test('a concession to an offer that was not sent yet opens nothing', () => {
  const tree = machine(2);
  const concedes = (root: number, cost: number) =>
    brief(hear(tree, 2, { role: 'root', root: idOf(root), cost, bridge: idOf(9) }));
  expect(concedes(5, PORT_COST)).not.toContain('2 discarding');
  // So many worse offers that the limit of this second is reached on port 2.
  for (let i = 0; i < 30; i++) hear(tree, 2, { bridge: idOf(0x90) });
  hear(tree, 1, { root: idOf(1), bridge: idOf(1) });
  expect(concedes(1, 2 * PORT_COST)).toEqual([]);
  expect(tree.view(VLAN)!.ports[1]).toMatchObject({ state: 'discarding' });
  expect(brief(tree.tick(2))).toContain('send 2');
  expect(brief(hear(tree, 2, { role: 'root', root: idOf(1), cost: 2 * PORT_COST, bridge: idOf(9) }, 2))).toContain(
    '2 forwarding',
  );
});
