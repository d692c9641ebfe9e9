// Whatever the topology and whatever breaks: once it is quiet, what forwards is a spanning tree of what there is.
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../conformance.ts';
import { FstpNetwork, flaw } from '../support/fstp-network.ts';

const NAMES = 'abcdefghijkl';
const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1);

/** Bridges with ids in any order, cables and hubs between any ports, also two ends at one bridge. */
function randomNetwork(below: (limit: number) => number): FstpNetwork {
  const net = new FstpNetwork();
  net.order = below;
  const count = 2 + below(NAMES.length - 2);
  const ids = new Set<number>();
  while (ids.size < count) ids.add(1 + below(250));
  for (const [i, id] of [...ids].entries()) net.bridge(NAMES[i]!, id);
  const ports = new Map<string, number>();
  for (let i = 0; i < count + below(2 * count); i++) {
    const size = below(5) === 0 ? 3 + below(2) : 2;
    const names = Array.from({ length: size }, () => NAMES[below(count)]!);
    const places = names.map((name) => {
      ports.set(name, (ports.get(name) ?? 0) + 1);
      return name + ports.get(name);
    });
    net.segment(`s${i}`, places.join(' '));
  }
  return net;
}

function expectTree(net: FstpNetwork, when: string): void {
  const { nodes, present, forwarding } = net.edges();
  expect(flaw(nodes, present, forwarding), when).toBeUndefined();
}

describe.each(seeds)('seed %i', (seed) => {
  test('cuts and heals that the switches see: a tree within 10 s', () => {
    const below = randomFrom(seed);
    const net = randomNetwork(below);
    net.run(10);
    expectTree(net, 'after the start');
    for (let round = 0; round < 10; round++) {
      const changed = change(net, below, ['cut', 'heal']);
      net.run(10);
      expectTree(net, `round ${round}: ${changed}`);
    }
  });

  test('cables that die unseen, and frames that are lost: a tree within a minute', () => {
    const below = randomFrom(1000 + seed);
    const net = randomNetwork(below);
    net.run(10);
    for (let round = 0; round < 5; round++) {
      net.lost = () => below(4) === 0;
      const changed = change(net, below, ['cut', 'silence', 'heal']);
      net.run(10);
      net.lost = () => false;
      net.run(60);
      expectTree(net, `round ${round}: ${changed}`);
    }
  });

  test('a switch that dies, and then no loop for a moment', () => {
    const below = randomFrom(2000 + seed);
    const net = randomNetwork(below);
    net.run(10);
    const loops: string[] = [];
    net.watch = () => {
      const { nodes, forwarding } = net.edges();
      const wrong = flaw(nodes, [], forwarding);
      if (wrong) loops.push(`${net.now}: ${wrong}`);
    };
    const names = [...net.bridges.keys()];
    net.kill(names[below(names.length)]!);
    net.run(60);
    expectTree(net, 'after a death');
    expect(loops).toEqual([]);
  });
});

/** Some segments broken or mended; says which. */
function change(net: FstpNetwork, below: (limit: number) => number, how: ('cut' | 'silence' | 'heal')[]): string {
  const log: string[] = [];
  for (const name of net.segments.keys()) {
    if (below(3) !== 0) continue;
    const what = net.segments.get(name)!.whole ? how[below(how.length - 1)]! : 'heal';
    net[what](name);
    log.push(`${what} ${name}`);
  }
  return log.join(', ');
}
