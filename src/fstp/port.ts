// A port in one VLAN's tree, and what its neighbours have said.
import { Budget } from './budget.ts';
import type { PortState } from './effect.ts';
import { CHANGES_PER_SECOND, SENDS_PER_SECOND } from './limits.ts';
import type { Vector } from './vector.ts';

/** `backup`: the better offer on this port is our own, from another port of ours on the same segment. */
export type Role = 'root' | 'designated' | 'alternate' | 'backup' | 'edge';

/** A way to the root that is better than ours, as the best neighbour on this port has it. */
export interface Offer {
  vector: Vector;
  age: number;
  heardAt: number;
}

export interface TreePort {
  readonly number: number;
  tagged: boolean;
  /** A port starts forwarding: whether a switch is behind it shows only when one speaks. */
  state: PortState;
  role: Role;
  /** When a neighbour last spoke; undefined when none does. */
  heardAt: number | undefined;
  offer: Offer | undefined;
  /** What we offer now has been sent here: what arrived before that concedes something else. */
  told: boolean;
  /** The neighbour has taken our offer, or blocks its end: nothing can loop through here while we forward. */
  conceded: boolean;
  readonly changes: Budget;
  readonly sends: Budget;
}

export function newPort(number: number, tagged: boolean, edge: boolean): TreePort {
  return {
    number,
    tagged,
    state: 'forwarding',
    role: edge ? 'edge' : 'designated',
    heardAt: undefined,
    offer: undefined,
    told: false,
    conceded: false,
    changes: new Budget(CHANGES_PER_SECOND),
    sends: new Budget(SENDS_PER_SECOND),
  };
}

/** As if the port were new, but for what it may still send in this second. */
export function forgetNeighbours(port: TreePort): void {
  port.heardAt = undefined;
  port.offer = undefined;
  port.conceded = false;
}

/** The rule that keeps loops out: towards a switch, only the way to the root and ways that the other end conceded. */
export function dueState(port: TreePort): PortState {
  if (port.role === 'edge' || port.role === 'root' || port.heardAt === undefined) return 'forwarding';
  return port.role === 'designated' && port.conceded ? 'forwarding' : 'discarding';
}
