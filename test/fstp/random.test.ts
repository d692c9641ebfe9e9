// Random topologies and failures: once the network has settled, the forwarding ports form a spanning tree of what is
// left. Frames arrive in any order that their senders and cables allow.
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../conformance.ts';
import { FstpNetwork, flaw } from '../support/fstp-network.ts';

const NAMES = 'abcdefghijkl';
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed + 1);

type Below = (limit: number) => number;

/** Bridges with ids in any order and cables between any ports, also two ports of one bridge; hubs if asked for. */
function randomNetwork(below: Below, segments: 'cables' | 'hubs'): FstpNetwork {
  const net = new FstpNetwork();
  net.order = below;
  const count = 2 + below(NAMES.length - 2);
  const ids = new Set<number>();
  while (ids.size < count) ids.add(1 + below(250));
  for (const [i, id] of [...ids].entries()) net.bridge(NAMES[i]!, id);
  const ports = new Map<string, number>();
  const place = () => {
    const name = NAMES[below(count)]!;
    ports.set(name, (ports.get(name) ?? 0) + 1);
    return `${name}${ports.get(name)}`;
  };
  for (let i = 0; i < count + below(2 * count); i++) {
    const size = segments === 'hubs' && below(5) === 0 ? 3 + below(2) : 2;
    net.segment(`s${i}`, Array.from({ length: size }, place).join(' '));
  }
  return net;
}

/** Breaks or mends some segments and returns a list of the changes. */
function change(net: FstpNetwork, below: Below, breaks: readonly ('cut' | 'silence')[]): string {
  const changed: string[] = [];
  for (const { name, whole } of net.segments.values()) {
    if (below(3) !== 0) continue;
    const what = whole ? breaks[below(breaks.length)]! : 'heal';
    net[what](name);
    changed.push(`${what} ${name}`);
  }
  return changed.join(', ');
}

function expectTree(net: FstpNetwork, when: string): void {
  const { nodes, present, forwarding } = net.edges();
  expect(flaw(nodes, present, forwarding), when).toBeUndefined();
}

function expectNoLoop(net: FstpNetwork, when: string): void {
  const { nodes, forwarding } = net.edges();
  expect(flaw(nodes, [], forwarding), when).toBeUndefined();
}

describe.each(SEEDS)('seed %i', (seed) => {
  test.each(['cables', 'hubs'] as const)('%s that are seen to break and mend leave a tree within 20 s', (segments) => {
    const below = randomFrom(seed);
    const net = randomNetwork(below, segments);
    net.run(20);
    expectTree(net, 'after the start');
    for (let round = 0; round < 8; round++) {
      const changed = change(net, below, ['cut']);
      net.run(20);
      expectTree(net, `round ${round}: ${changed}`);
    }
  });

  test.each(['cables', 'hubs'] as const)(
    '%s that die unseen, and lost frames, leave a tree within a minute',
    (segments) => {
      const below = randomFrom(1000 + seed);
      const net = randomNetwork(below, segments);
      net.run(10);
      for (let round = 0; round < 5; round++) {
        net.lost = () => below(4) === 0;
        const changed = change(net, below, ['cut', 'silence']);
        net.run(10);
        net.lost = () => false;
        net.run(60);
        expectTree(net, `round ${round}: ${changed}`);
      }
    },
  );

  test('cut or mended cables and dead switches leave no loop a second later', () => {
    const below = randomFrom(2000 + seed);
    const net = randomNetwork(below, 'cables');
    net.run(10);
    const kill = () => {
      const name = [...net.bridges.keys()][below(net.bridges.size)]!;
      net.kill(name);
      return `${name} dies`;
    };
    const mend = () =>
      [...net.segments.values()].filter(({ whole }) => !whole).map(({ name }) => net.heal(name)).length;
    const changes = [() => change(net, below, ['cut']), kill, mend, () => change(net, below, ['cut']), mend, kill];
    for (const [round, act] of changes.entries()) {
      const changed = act();
      for (let second = 0; second < 30; second++) {
        net.run(1);
        expectNoLoop(net, `round ${round}, second ${second}: ${changed}`);
      }
    }
  });
});
