// Judges a BPDU received on a port against our own offer there.
import type { Bpdu } from './bpdu.ts';
import { AGE_MAX, COST_MAX, PORT_COST } from './limits.ts';
import type { TreePort } from './port.ts';
import { compareVectors, sameSender, type Vector } from './vector.ts';

export type Verdict =
  /** An offer better than ours, or a newer one from the sender of the offer that the port has. */
  | 'offer'
  /** The sender reaches the root through this segment, or blocks its own port on this segment. */
  | 'concession'
  /** The sender does not know our offer: it is sent again, and the port stays blocked until the sender concedes. */
  | 'contradiction'
  /** The sender of the offer that the port has withdraws it. */
  | 'withdrawal'
  | 'nothing';

export function judge(bpdu: Bpdu, port: TreePort, ours: Vector): Verdict {
  const fromOfferer = port.offer !== undefined && sameSender(bpdu, port.offer.vector);
  const order = compareVectors(bpdu, ours);
  if (bpdu.role === 'root') {
    // Such a sender repeats what it heard on this segment. As an offer it would keep a dead root alive.
    if (fromOfferer) return 'withdrawal';
    return order > 0 && bpdu.root === ours.root ? 'concession' : 'contradiction';
  }
  if (bpdu.age + 1 > AGE_MAX || bpdu.cost + PORT_COST > COST_MAX) return fromOfferer ? 'withdrawal' : 'nothing';
  if (fromOfferer) return 'offer';
  // Equal: our own BPDU came back on the port that sent it (or one with the same port ID). There is a loop: block.
  if (order <= 0) return port.offer && compareVectors(bpdu, port.offer.vector) > 0 ? 'nothing' : 'offer';
  return bpdu.root === ours.root && bpdu.role === 'blocked' ? 'concession' : 'contradiction';
}
