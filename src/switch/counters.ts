// Converts the engine's counters to objects: `transmit_drop_queue_full` becomes transmitDrops.queue_full.
import type { NativeCounters } from '../system/engine.ts';
import { native } from '../system/native.ts';

/**
 * The counters of a port since it was created or they were last reset. "Receive" is what the switch received from the
 * port. Short frames count with their padding. Frames that are dropped after they were received also count as received.
 * An unsegmented datagram from or to a TAP or a guest counts as its segments.
 */
export interface PortCounters {
  /** The number of the port. */
  port: number;
  /** Bytes received, without FCS. */
  receiveBytes: bigint;
  /** Frames received that are addressed to one station. */
  receiveUnicast: bigint;
  /** Frames received that are addressed to a group, broadcast excluded. */
  receiveMulticast: bigint;
  /** Frames received that are addressed to ff:ff:ff:ff:ff:ff. */
  receiveBroadcast: bigint;
  /** How many times reading from the port was paused because its only destination was full. */
  receivePauses: bigint;
  /** How many notifications of a guest the switch has noticed (vhost-user). Several at a time may count as one. */
  receiveKicks: bigint;
  /** Bytes sent to the port's endpoints or queued for them, without FCS. */
  transmitBytes: bigint;
  /** Frames sent or queued that are addressed to one station. */
  transmitUnicast: bigint;
  /** Frames sent or queued that are addressed to a group, broadcast excluded. */
  transmitMulticast: bigint;
  /** Frames sent or queued that are addressed to ff:ff:ff:ff:ff:ff. */
  transmitBroadcast: bigint;
  /** How many times a full port made no room in time for the sources that were paused for it. */
  transmitStalls: bigint;
  /** How many times a guest was interrupted (vhost-user). */
  transmitInterrupts: bigint;
  /** Frames received and dropped, by reason. Every reason is present, even if its count is 0. */
  receiveDrops: Record<string, bigint>;
  /** Frames dropped on their way to the port, by reason. Every reason is present, even if its count is 0. */
  transmitDrops: Record<string, bigint>;
  /** Frames that now wait for the port's endpoints. */
  queueFrames: bigint;
  /** Bytes that now wait for the port's endpoints. */
  queueBytes: bigint;
  /** The most frames that may wait for the port's endpoints; see SwitchOptions.queueFrames. */
  queueLimit: bigint;
}

interface EngineCounter {
  /** The property that has its count: a property of PortCounters, or the reason in receiveDrops or transmitDrops. */
  name: string;
  /** The direction of the drops that it counts; undefined if it does not count drops. */
  direction: string | undefined;
}

let known: readonly EngineCounter[] | undefined;

/**
 * Returns the engine's counters in their order. Called only when needed, since the names are in the addon, which must
 * be loaded first.
 */
function engineCounters(): readonly EngineCounter[] {
  known ??= native.counterNames.map((name) => {
    const [, direction, reason] = /^(receive|transmit)_drop_(.*)$/.exec(name) ?? [];
    return { name: reason ?? camelCase(name), direction };
  });
  return known;
}

export function portCounters({ ports, values }: NativeCounters): PortCounters[] {
  const width = native.counterNames.length;
  return Array.from(ports, (port, row) => onePort(port, values.subarray(row * width, (row + 1) * width)));
}

function onePort(port: number, values: BigUint64Array): PortCounters {
  const receiveDrops: Record<string, bigint> = {};
  const transmitDrops: Record<string, bigint> = {};
  const counters: Record<string, unknown> = { port, receiveDrops, transmitDrops };
  for (const [i, { name, direction }] of engineCounters().entries()) {
    const value = values[i]!;
    if (direction === undefined) counters[name] = value;
    else (direction === 'receive' ? receiveDrops : transmitDrops)[name] = value;
  }
  // The names come from the engine; a test compares them with this interface.
  return counters as unknown as PortCounters;
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
