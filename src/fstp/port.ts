// A port in one VLAN's tree, with what its neighbours have sent.
import { Budget } from './budget.ts';
import type { PortState } from './effect.ts';
import { CHANGES_PER_SECOND, SENDS_PER_SECOND } from './limits.ts';
import type { Vector } from './vector.ts';

/**
 * The role of a port in a spanning tree. A backup port hears a better offer of this switch itself, from another port on
 * the same segment.
 */
export type Role = 'root' | 'designated' | 'alternate' | 'backup' | 'edge';

/** A better way to the root than ours: the best neighbour's on this port. */
export interface Offer {
  vector: Vector;
  age: number;
  heardAt: number;
}

export interface TreePort {
  readonly number: number;
  tagged: boolean;
  /** A port starts as forwarding: a switch behind it is noticed only once it sends a BPDU. */
  state: PortState;
  role: Role;
  /** When a neighbour last sent a BPDU; undefined if none does. */
  heardAt: number | undefined;
  offer: Offer | undefined;
  /** Whether our current offer has been sent here. A concession that arrives before that is to an older offer. */
  offerSent: boolean;
  /** The neighbour has accepted our offer or blocks its end: forwarding here cannot make a loop. */
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
    offerSent: false,
    conceded: false,
    changes: new Budget(CHANGES_PER_SECOND),
    sends: new Budget(SENDS_PER_SECOND),
  };
}

/** Forgets everything that neighbours sent. The limits of this second stay in force. */
export function forgetNeighbours(port: TreePort): void {
  port.heardAt = undefined;
  port.offer = undefined;
  port.conceded = false;
}

/** The rule that prevents loops: towards a switch, only the root port and conceded designated ports forward. */
export function dueState(port: TreePort): PortState {
  if (port.role === 'edge' || port.role === 'root' || port.heardAt === undefined) return 'forwarding';
  return port.role === 'designated' && port.conceded ? 'forwarding' : 'discarding';
}
