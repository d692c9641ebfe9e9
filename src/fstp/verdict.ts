// What one BPDU means on one port, given what we offer there ourselves.
import type { Bpdu } from './bpdu.ts';
import { AGE_MAX, COST_MAX, PORT_COST } from './limits.ts';
import type { TreePort } from './port.ts';
import { compareVectors, sameSender, type Vector } from './vector.ts';

export type Verdict =
  /** Better than ours, or the latest word of the one whose offer we hold. */
  | 'offer'
  /** The sender's way to the root is through this segment, or it blocks its end. */
  | 'concession'
  /** The sender has yet to hear us: it is told, and until it concedes nothing passes. */
  | 'contradiction'
  /** It withdraws an offer that we hold. */
  | 'withdrawal'
  | 'nothing';

export function judge(bpdu: Bpdu, port: TreePort, ours: Vector): Verdict {
  const fromHolder = port.offer !== undefined && sameSender(bpdu, port.offer.vector);
  const order = compareVectors(bpdu, ours);
  if (bpdu.role === 'root') {
    // Such a sender repeats what it heard on this segment. Taken for an offer, word of a dead root would never die.
    if (fromHolder) return 'withdrawal';
    return order > 0 && bpdu.root === ours.root ? 'concession' : 'contradiction';
  }
  if (bpdu.age + 1 > AGE_MAX || bpdu.cost + PORT_COST > COST_MAX) return fromHolder ? 'withdrawal' : 'nothing';
  if (fromHolder) return 'offer';
  // Equal: our own comes back on the port it left by (or on one with the same port id). Behind it is a loop: block.
  if (order <= 0) return port.offer && compareVectors(bpdu, port.offer.vector) > 0 ? 'nothing' : 'offer';
  return bpdu.root === ours.root && bpdu.role === 'blocked' ? 'concession' : 'contradiction';
}
