// The spanning tree on drawn topologies: who is root, what each port is, and what changes when something breaks.
import { expect, test } from 'vitest';
import { FstpNetwork, flaw, VLAN } from '../support/fstp-network.ts';

const A = '80:00:00:ff:00:00:00:01';
const B = '80:00:00:ff:00:00:00:02';

function bridges(count: number): FstpNetwork {
  const net = new FstpNetwork();
  for (let id = 1; id <= count; id++) net.bridge(String.fromCharCode(96 + id), id);
  return net;
}

function triangle(): FstpNetwork {
  const net = bridges(3);
  net.segment('x', 'a1 b1');
  net.segment('y', 'b2 c1');
  net.segment('z', 'c2 a2');
  return net.run(1);
}

function expectTree(net: FstpNetwork): void {
  const { nodes, present, forwarding } = net.edges();
  expect(flaw(nodes, present, forwarding)).toBeUndefined();
}

test('a triangle has one blocked port, a second after it is wired', () => {
  const net = triangle();
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 designated forwarding');
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 designated forwarding');
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
  expect(net.rootOf('c')).toBe(A);
});

test('and stays so: after ten minutes no state has changed, no address was flushed', () => {
  const net = triangle();
  net.run(10);
  const before = [...net.bridges.values()].map(({ events, flushes }) => [events.length, flushes]);
  net.run(600);
  expect([...net.bridges.values()].map(({ events, flushes }) => [events.length, flushes])).toEqual(before);
});

test('a cut in the triangle opens the blocked port at once, and its healing shuts one', () => {
  const net = triangle();
  net.cut('z');
  net.run(1);
  expect(net.check('c')).toBe('c: 1 root forwarding');
  expectTree(net);
  net.heal('z');
  net.run(1);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
  expectTree(net);
});

test('of two cables between the same switches one carries frames', () => {
  const net = bridges(2);
  net.segment('x', 'a1 b1');
  net.segment('y', 'a2 b2');
  net.run(1);
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 designated forwarding');
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 alternate discarding');
  net.cut('x');
  net.run(0);
  expect(net.check('b')).toBe('b: 2 root forwarding');
});

test('crossed cables: the lower port of the sender decides', () => {
  const net = bridges(2);
  net.segment('x', 'a2 b1');
  net.segment('y', 'a1 b2');
  net.run(1);
  expect(net.check('b')).toBe('b: 1 alternate discarding, 2 root forwarding');
});

test('ports that share a port id beyond 2047 still leave one cable', () => {
  const net = bridges(2);
  net.segment('x', 'a1 b1');
  net.segment('y', 'a4097 b2');
  net.run(10);
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 alternate discarding');
});

test('when the root dies unseen, the rest elects another in 13 s', () => {
  const net = triangle();
  net.kill('a');
  net.run(13);
  expect(net.rootOf('b')).toBe(B);
  expect(net.rootOf('c')).toBe(B);
  expect(net.check('c')).toMatch('1 root forwarding');
  net.run(12);
  expectTree(net);
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 designated forwarding');
});

test('a cable that dies unseen is given up for another in 13 s', () => {
  const net = triangle();
  net.silence('z');
  net.run(25);
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 designated forwarding');
  net.heal('z');
  net.run(5);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
});

test('a switch that wakes after an hour opens nothing', () => {
  const net = triangle();
  net.now += 3600;
  const watched: (string | undefined)[] = [];
  net.watch = () => watched.push(net.check('c'));
  net.run(10);
  expect(new Set(watched)).toEqual(new Set(['c: 1 alternate discarding, 2 root forwarding']));
});

test('a full mesh of four', () => {
  const net = bridges(4);
  for (const [name, places] of [
    ['s', 'a1 b1'],
    ['t', 'a2 c1'],
    ['u', 'a3 d1'],
    ['v', 'b2 c2'],
    ['w', 'b3 d2'],
    ['x', 'c3 d3'],
  ] as const)
    net.segment(name, places);
  net.run(1);
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 designated forwarding, 3 designated forwarding');
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 designated forwarding, 3 designated forwarding');
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 alternate discarding, 3 designated forwarding');
  expect(net.check('d')).toBe('d: 1 root forwarding, 2 alternate discarding, 3 alternate discarding');
});

test('a priority makes the root', () => {
  const net = bridges(2);
  net.bridge('z', 9, 0x1000);
  net.segment('x', 'a1 b1 z1');
  net.run(1);
  expect(net.rootOf('a')).toBe('10:00:00:ff:00:00:00:09');
  expect(net.bridges.get('z')!.tree.view(VLAN)).toMatchObject({ rootPort: undefined, designated: undefined, cost: 0 });
});

test('a hub between three switches has one that is designated', () => {
  const net = bridges(3);
  net.segment('h', 'a1 b1 c1');
  net.segment('x', 'b2 c2');
  net.run(1);
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 alternate discarding');
  expectTree(net);
});

test('two ports of one switch on one hub: the higher backs up the lower', () => {
  const net = bridges(1);
  net.segment('h', 'a1 a2');
  net.run(5);
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 backup discarding');
  net.cut('h');
  net.segment('i', 'a3 a4097'); // port ids 3 and 1
  net.run(5);
  expect(net.check('a')).toBe('a: 3 backup discarding, 4097 designated forwarding');
});

test('a port whose own BPDUs come back is shut', () => {
  const net = bridges(1);
  net.segment('h', 'a1 a4097'); // the same port id
  net.run(5);
  expect(net.check('a')).toBe('a: 1 backup discarding, 4097 backup discarding');
});

test('an edge port forwards, is silent and hears nothing', () => {
  const net = triangle();
  const port = { vlan: VLAN, port: 2 };
  net.do('b', (tree, now) => tree.setEdge({ ...port, edge: true }, now)).run(1);
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 edge forwarding');
  net.run(30);
  expect(net.check('c')).toBe('c: 1 designated forwarding, 2 root forwarding'); // a loop, as ordered
  net.do('b', (tree, now) => tree.setEdge({ ...port, edge: false }, now)).run(1);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
});

test('edge on the root port gives up the way to the root', () => {
  const net = bridges(2);
  net.segment('x', 'a1 b1');
  net.run(1).do('b', (tree, now) => tree.setEdge({ vlan: VLAN, port: 1, edge: true }, now));
  expect(net.rootOf('b')).toBe(B);
});

test('a bonus moves the root port, and back', () => {
  const net = triangle();
  net.do('c', (tree, now) => tree.setBonus({ vlan: VLAN, port: 2, cost: -25_000_000 }, now)).run(1);
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 alternate discarding');
  expect(net.bridges.get('c')!.tree.view(VLAN)).toMatchObject({ cost: 40_000_000, rootPort: 1 });
  expectTree(net);
  net.do('c', (tree, now) => tree.setBonus({ vlan: VLAN, port: 2, cost: 5000 }, now)).run(1);
  expect(net.bridges.get('c')!.tree.view(VLAN)).toMatchObject({ cost: 19_995_000, rootPort: 2, designated: A });
  expect(net.check('c')).toBe('c: 1 designated forwarding, 2 root forwarding'); // now better than b
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 alternate discarding');
});

test('a bonus beyond the cost cannot make a circle that pays', () => {
  const net = triangle();
  for (const name of 'abc')
    net.do(name, (tree, now) => tree.setBonus({ vlan: VLAN, port: 1, cost: 2_000_000_000 }, now));
  net.run(30);
  expectTree(net);
});

test('a port that is tagged sends tagged, in its VLAN; VLANs have trees of their own', () => {
  const net = bridges(2);
  net.segment('x', 'a1 b1');
  net.run(1);
  const { tree } = net.bridges.get('b')!;
  tree.createVlan(300, net.now);
  const [send] = tree.addPort({ vlan: 300, port: 1, tagged: true }, net.now);
  expect(send).toMatchObject({ kind: 'send', port: 1, vlan: 300, tagged: true });
  expect((send as { bytes: Buffer }).bytes.toString('hex', 12, 16)).toBe('8100012c');
  expect(tree.view(300)).toMatchObject({ root: B, rootPort: undefined });
  expect(tree.view(VLAN)).toMatchObject({ root: A, rootPort: 1 });
});

test('switching off opens every port and says no more; switching on again shuts the loop', () => {
  const net = triangle();
  const off = net.bridges.get('c')!.tree.switchOff(net.now);
  expect(off).toEqual([
    { kind: 'event', category: 'fstp/root', text: 'Port 0000 VLAN 00:00 -> 80:00:00:ff:00:00:00:03' },
    { kind: 'state', port: 1, vlan: 0, state: 'forwarding' },
    { kind: 'event', category: 'fstp/status', text: 'Port 0001 VLAN 00:00 learning+forwarding' },
    { kind: 'flush', vlan: 0 },
  ]);
  expect(net.bridges.get('c')!.tree.tick(net.now + 4)).toEqual([]);
  net.do('c', (tree, now) => tree.switchOn(now)).run(1);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
});

test("the events are the original's, word for word", () => {
  const net = bridges(2);
  net.segment('x', 'a1 b1');
  net.segment('y', 'a2 b2');
  net.run(1).cut('x');
  expect(net.bridges.get('b')!.events).toEqual([
    'fstp/+ Port 0001 VLAN 00:00',
    `fstp/root Port 0001 VLAN 00:00 -> ${A}`,
    'fstp/status Port 0001 VLAN 00:00 learning+forwarding',
    'fstp/+ Port 0002 VLAN 00:00',
    'fstp/status Port 0002 VLAN 00:00 discarding',
    'fstp/- Port 0001 VLAN 00:00',
    `fstp/root Port 0002 VLAN 00:00 -> ${A}`,
    'fstp/status Port 0002 VLAN 00:00 learning+forwarding',
  ]);
});

test('a one-way wire is shut: a neighbour that cannot hear us would close a loop', () => {
  const net = triangle();
  net.lost = (bridge, segment) => bridge === 'a' && segment === 'z';
  net.run(60);
  // c hears nothing of a there, takes b's way, and would forward on its port 2, as anybody would.
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 designated forwarding');
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 designated discarding');
  net.lost = () => false;
  net.run(5);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
  expectTree(net);
});
