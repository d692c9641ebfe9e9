// The guests whose memory the engine accesses, as the library shows them.
import type { NativeGuest } from '../system/engine.ts';

/** A guest that is connected by vhost-user. */
export interface GuestInfo {
  /** The number of its port. */
  port: number;
  /** The ID of its endpoint. */
  endpoint: number;
  /** The virtio features that its driver accepted, as a hexadecimal number; `0x0` while it has no driver. */
  features: string;
  /** The size of the guest memory that the switch has mapped, in bytes. */
  memoryBytes: number;
}

export function guestsOf(rows: readonly NativeGuest[]): GuestInfo[] {
  return rows.map(({ port, endpoint, features, memoryBytes }) => ({
    port,
    endpoint,
    features: `0x${features.toString(16)}`,
    memoryBytes: Number(memoryBytes),
  }));
}
