// The state of a port in one VLAN's tree, including what its neighbours have sent.
import { Budget } from './budget.ts';
import type { PortState } from './effect.ts';
import { CHANGES_PER_SECOND, SENDS_PER_SECOND } from './limits.ts';
import type { Vector } from './vector.ts';

/**
 * The role of a port in a spanning tree. A backup port receives a better offer that this same switch sends from another
 * port on the same segment.
 */
export type Role = 'root' | 'designated' | 'alternate' | 'backup' | 'edge';

/** The best offer that neighbours have sent to this port, if it is better than our own. */
export interface Offer {
  vector: Vector;
  age: number;
  heardAt: number;
}

export interface TreePort {
  readonly number: number;
  tagged: boolean;
  /** Ports start as forwarding: a switch behind a port is noticed only once it sends a BPDU. */
  state: PortState;
  role: Role;
  /** When a BPDU last arrived; undefined if no neighbour sends any. */
  heardAt: number | undefined;
  offer: Offer | undefined;
  /**
   * Whether our current offer has been sent from this port. A concession that arrives earlier is the answer to an older
   * offer.
   */
  offerSent: boolean;
  /** Whether the neighbour has accepted our offer or blocks its end, so that forwarding here cannot make a loop. */
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

/** Forgets everything that neighbours sent. This second's use of the rate limits still counts. */
export function forgetNeighbours(port: TreePort): void {
  port.heardAt = undefined;
  port.offer = undefined;
  port.conceded = false;
}

/**
 * Returns the state that a port must have to prevent loops: of the ports that lead to another switch, only the root
 * port and conceded designated ports forward.
 */
export function dueState(port: TreePort): PortState {
  if (port.role === 'edge' || port.role === 'root' || port.heardAt === undefined) return 'forwarding';
  return port.role === 'designated' && port.conceded ? 'forwarding' : 'discarding';
}
