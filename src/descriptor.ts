// The number of a socket's descriptor.
import type { Socket } from 'node:net';

/** Node keeps the number of a socket's descriptor to itself; the kernel tells who the peer is only by it. */
export function descriptorOf(stream: Socket): number {
  return (stream as unknown as { _handle?: { fd: number } })._handle?.fd ?? -1;
}
