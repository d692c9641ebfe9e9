// The engine's counters as objects: `transmit_drop_queue_full` becomes transmitDrops.queue_full.
import { type NativeCounters, native } from '../system/native.ts';

/**
 * "Receive" is what the switch received from the port. Short frames count with their padding, frames dropped later count
 * too, and a datagram that a TAP gives or takes whole as the frames that it stands for.
 */
export interface PortCounters {
  port: number;
  receiveBytes: bigint;
  receiveUnicast: bigint;
  receiveMulticast: bigint;
  receiveBroadcast: bigint;
  /** Times that the port was left unread since where it sends was full. */
  receiveHolds: bigint;
  /** Taken by an endpoint or its queue. */
  transmitBytes: bigint;
  transmitUnicast: bigint;
  transmitMulticast: bigint;
  transmitBroadcast: bigint;
  /** Times that the port, full, made no room in time for sources that were held for it. */
  transmitStalls: bigint;
  /** By reason; every reason there is, also at 0. */
  receiveDrops: Record<string, bigint>;
  transmitDrops: Record<string, bigint>;
  /** What waits now for the port's endpoints, and how many frames may. */
  queueFrames: bigint;
  queueBytes: bigint;
  queueLimit: bigint;
}

const DROP = /^(receive|transmit)_drop_(.*)$/;

export function portCounters({ ports, values }: NativeCounters): PortCounters[] {
  const width = native.counterNames.length;
  return Array.from(ports, (port, row) => onePort(port, values.subarray(row * width, (row + 1) * width)));
}

function onePort(port: number, values: BigUint64Array): PortCounters {
  const counters: Record<string, unknown> = { port };
  const receiveDrops: Record<string, bigint> = {};
  const transmitDrops: Record<string, bigint> = {};
  native.counterNames.forEach((name, i) => {
    const value = values[i]!;
    const [, direction, reason] = DROP.exec(name) ?? [];
    if (reason === undefined) counters[camelCase(name)] = value;
    else (direction === 'receive' ? receiveDrops : transmitDrops)[reason] = value;
  });
  // The names are the engine's own list; a test holds it against this interface.
  return { ...counters, receiveDrops, transmitDrops } as unknown as PortCounters;
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
