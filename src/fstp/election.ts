// Elects the root port: the port with the best offer, or none if this switch is the root.
import type { TreePort } from './port.ts';
import { type BridgeId, compareVectors } from './vector.ts';

export interface Election {
  root: BridgeId;
  /** The cost of the path from this switch to the root. */
  cost: number;
  /** The root port; undefined if this switch is the root. */
  port: TreePort | undefined;
  /** The neighbour on the root port. */
  designated: BridgeId | undefined;
}

export function elect(own: BridgeId, ports: Iterable<TreePort>, costOf: (port: TreePort) => number): Election {
  let best: Election = { root: own, cost: 0, port: undefined, designated: undefined };
  let bestVector = { root: own, cost: 0, bridge: own, port: 0 };
  for (const port of ports) {
    const offer = port.offer?.vector;
    if (!offer || offer.bridge === own) continue;
    const vector = { ...offer, cost: offer.cost + costOf(port) };
    const order = compareVectors(vector, bestVector);
    // Two ports on one segment receive the same offer. If their costs are equal too, the port with the lower number
    // wins.
    if (order > 0 || (order === 0 && best.port !== undefined && best.port.number < port.number)) continue;
    bestVector = vector;
    best = { root: vector.root, cost: vector.cost, port, designated: offer.bridge };
  }
  return best;
}

export function sameElection(a: Election, b: Election): boolean {
  return a.root === b.root && a.cost === b.cost && a.port === b.port && a.designated === b.designated;
}
