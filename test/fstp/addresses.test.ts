// Learned addresses are forgotten everywhere when the tree changes: no frame goes to where its destination was before.
import { expect, test } from 'vitest';
import { randomFrom } from '../conformance.ts';
import { FstpNetwork } from '../support/fstp-network.ts';
import { Stations } from '../support/fstp-stations.ts';

const NAMES = 'abcdefgh';
const NETWORKS = 15;
const ROUNDS = 5;

/** A tree of switches and one to three further cables, so that news of a change crosses many switches. */
function sparseNetwork(below: (limit: number) => number): FstpNetwork {
  const net = new FstpNetwork();
  net.order = below;
  const ids = new Set<number>();
  while (ids.size < NAMES.length) ids.add(1 + below(250));
  for (const [i, id] of [...ids].entries()) net.bridge(NAMES[i]!, id);
  const cables = NAMES.length + below(3);
  for (let i = 0; i < cables; i++) {
    const one = i < NAMES.length - 1 ? i + 1 : below(NAMES.length);
    const other = i < NAMES.length - 1 ? below(one) : (one + 1 + below(NAMES.length - 1)) % NAMES.length;
    net.segment(`s${i}`, `${NAMES[one]}${i} ${NAMES[other]}${i}`);
  }
  return net;
}

test.each([1, 2, 3])(
  'no learned address leads astray after %i cuts or repairs of cables within one second',
  (events) => {
    const below = randomFrom(events);
    for (let number = 0; number < NETWORKS; number++) {
      const net = sparseNetwork(below);
      const stations = new Stations(net);
      const names = [...net.segments.keys()];
      for (let round = 0; round < ROUNDS; round++) {
        for (const name of names) net.heal(name);
        net.run(10);
        const changed = Array.from({ length: events }, () => {
          stations.speak();
          const name = names[below(names.length)]!;
          const what = net.segments.get(name)!.whole ? 'cut' : 'heal';
          net[what](name);
          net.run(0);
          return `${what} ${name}`;
        });
        net.run(5);
        expect(stations.blackHoles(), `network ${number}, round ${round}: ${changed.join(', ')}`).toEqual([]);
      }
    }
  },
);
