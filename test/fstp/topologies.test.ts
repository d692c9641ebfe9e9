// The spanning tree on fixed topologies: the root, the role of each port and the changes when a part breaks.
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

test('a triangle has one blocked port a second after it is wired', () => {
  const net = triangle();
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 designated forwarding');
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 designated forwarding');
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
  expect(net.rootOf('c')).toBe(A);
});

test('a triangle changes no state and flushes no address in ten minutes', () => {
  const net = triangle();
  net.run(10);
  const before = [...net.bridges.values()].map(({ events, flushes }) => [events.length, flushes]);
  net.run(600);
  expect([...net.bridges.values()].map(({ events, flushes }) => [events.length, flushes])).toEqual(before);
});

test('a cut cable opens the blocked port at once, and a mended one blocks a port again', () => {
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

test('one of two cables between the same switches carries frames', () => {
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

test('the lower port of the sender decides between crossed cables', () => {
  const net = bridges(2);
  net.segment('x', 'a2 b1');
  net.segment('y', 'a1 b2');
  net.run(1);
  expect(net.check('b')).toBe('b: 1 alternate discarding, 2 root forwarding');
});

test('ports beyond 2047 that share a port id still leave one cable forwarding', () => {
  const net = bridges(2);
  net.segment('x', 'a1 b1');
  net.segment('y', 'a4097 b2');
  net.run(10);
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 alternate discarding');
});

test('the other switches elect a new root within 13 s after the root dies unseen', () => {
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

test('a cable that dies unseen is replaced by another', () => {
  const net = triangle();
  net.silence('z');
  net.run(25);
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 designated forwarding');
  net.heal('z');
  net.run(5);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
});

test('a switch that wakes after an hour opens no blocked port', () => {
  const net = triangle();
  net.now += 3600;
  const watched: (string | undefined)[] = [];
  net.watch = () => watched.push(net.check('c'));
  net.run(10);
  expect(new Set(watched)).toEqual(new Set(['c: 1 alternate discarding, 2 root forwarding']));
});

test('a full mesh of four switches has three forwarding cables', () => {
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

test('the switch with the lowest priority value is the root', () => {
  const net = bridges(2);
  net.bridge('z', 9, 0x1000);
  net.segment('x', 'a1 b1 z1');
  net.run(1);
  expect(net.rootOf('a')).toBe('10:00:00:ff:00:00:00:09');
  expect(net.bridges.get('z')!.tree.view(VLAN)).toMatchObject({ rootPort: undefined, designated: undefined, cost: 0 });
});

test('a hub between three switches has one designated port', () => {
  const net = bridges(3);
  net.segment('h', 'a1 b1 c1');
  net.segment('x', 'b2 c2');
  net.run(1);
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 alternate discarding');
  expectTree(net);
});

test('the higher of two ports of one switch on one hub is the backup', () => {
  const net = bridges(1);
  net.segment('h', 'a1 a2');
  net.run(5);
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 backup discarding');
  net.cut('h');
  net.segment('i', 'a3 a4097'); // port ids 3 and 1
  net.run(5);
  expect(net.check('a')).toBe('a: 3 backup discarding, 4097 designated forwarding');
});

test('ports whose own BPDUs come back are blocked', () => {
  const net = bridges(1);
  net.segment('h', 'a1 a4097'); // the same port id
  net.run(5);
  expect(net.check('a')).toBe('a: 1 backup discarding, 4097 backup discarding');
});

test('an edge port forwards, sends no BPDU and ignores those it receives', () => {
  const net = triangle();
  const port = { vlan: VLAN, port: 2 };
  net.do('b', (tree, now) => tree.setEdge({ ...port, edge: true }, now)).run(1);
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 edge forwarding');
  net.run(30);
  expect(net.check('c')).toBe('c: 1 designated forwarding, 2 root forwarding'); // a loop, as configured
  net.do('b', (tree, now) => tree.setEdge({ ...port, edge: false }, now)).run(1);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
});

test('a root port set to edge gives up the path to the root', () => {
  const net = bridges(2);
  net.segment('x', 'a1 b1');
  net.run(1).do('b', (tree, now) => tree.setEdge({ vlan: VLAN, port: 1, edge: true }, now));
  expect(net.rootOf('b')).toBe(B);
});

test('a negative bonus moves the root port, and a positive one moves it back', () => {
  const net = triangle();
  net.do('c', (tree, now) => tree.setBonus({ vlan: VLAN, port: 2, cost: -25_000_000 }, now)).run(1);
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 alternate discarding');
  expect(net.bridges.get('c')!.tree.view(VLAN)).toMatchObject({ cost: 40_000_000, rootPort: 1 });
  expectTree(net);
  net.do('c', (tree, now) => tree.setBonus({ vlan: VLAN, port: 2, cost: 5000 }, now)).run(1);
  expect(net.bridges.get('c')!.tree.view(VLAN)).toMatchObject({ cost: 19_995_000, rootPort: 2, designated: A });
  expect(net.check('c')).toBe('c: 1 designated forwarding, 2 root forwarding'); // c is now better than b
  expect(net.check('b')).toBe('b: 1 root forwarding, 2 alternate discarding');
});

test('a bonus beyond the cost does not create a loop', () => {
  const net = triangle();
  for (const name of 'abc')
    net.do(name, (tree, now) => tree.setBonus({ vlan: VLAN, port: 1, cost: 2_000_000_000 }, now));
  net.run(30);
  expectTree(net);
});

test('a tagged port sends tagged BPDUs in its VLAN, and each VLAN has a tree of its own', () => {
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

test('switching off opens every port and sends no BPDU, and switching on blocks the loop again', () => {
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

test('the events have the words of vde_switch', () => {
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

test('a one-way cable is blocked, since the neighbour that hears nothing would close a loop', () => {
  const net = triangle();
  net.lost = (bridge, segment) => bridge === 'a' && segment === 'z';
  net.run(60);
  // c hears nothing from a on that cable, takes the path through b, and forwards on its port 2.
  expect(net.check('c')).toBe('c: 1 root forwarding, 2 designated forwarding');
  expect(net.check('a')).toBe('a: 1 designated forwarding, 2 designated discarding');
  net.lost = () => false;
  net.run(5);
  expect(net.check('c')).toBe('c: 1 alternate discarding, 2 root forwarding');
  expectTree(net);
});
