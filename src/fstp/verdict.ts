// Judges a BPDU received on a port against our own offer there.
import type { Bpdu } from './bpdu.ts';
import { AGE_MAX, COST_MAX, PORT_COST } from './limits.ts';
import type { TreePort } from './port.ts';
import { compareVectors, sameSender, type Vector } from './vector.ts';

export type Verdict =
  /** An offer better than ours, or a newer one from the sender of the port's present offer. */
  | 'offer'
  /** The sender reaches the root through this segment, or blocks its own port on this segment. */
  | 'concession'
  /**
   * The sender does not know our offer: the offer is sent again, and the port stays blocked until the sender concedes.
   */
  | 'contradiction'
  /** The sender of the port's present offer withdraws it. */
  | 'withdrawal'
  | 'nothing';

export function judge(bpdu: Bpdu, port: TreePort, ours: Vector): Verdict {
  const fromOfferer = port.offer !== undefined && sameSender(bpdu, port.offer.vector);
  const order = compareVectors(bpdu, ours);
  if (bpdu.role === 'root') {
    // The sender reaches its root through this segment, so it repeats what it heard here. Taking its BPDU as an offer
    // would keep a dead root alive.
    if (fromOfferer) return 'withdrawal';
    return order > 0 && bpdu.root === ours.root ? 'concession' : 'contradiction';
  }
  if (bpdu.age + 1 > AGE_MAX || bpdu.cost + PORT_COST > COST_MAX) return fromOfferer ? 'withdrawal' : 'nothing';
  if (fromOfferer) return 'offer';
  // If the vectors are equal, our own BPDU came back to the port that sent it, or to a port with the same ID. There is
  // a loop, and taking the BPDU as an offer blocks the port.
  if (order <= 0) return port.offer && compareVectors(bpdu, port.offer.vector) > 0 ? 'nothing' : 'offer';
  return bpdu.root === ours.root && bpdu.role === 'blocked' ? 'concession' : 'contradiction';
}
