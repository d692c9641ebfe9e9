// The settings and entries of the MAC table. The engine holds them all except the number of buckets, which only the
// console's output uses.

import { SwitchError } from '../protocol/errors.ts';
import { checkOptions } from '../protocol/options.ts';
import type { MacEntry, MacStats, NativeEngine } from '../system/engine.ts';

export type { MacEntry, MacStats };

/** How long the MAC table keeps addresses, in seconds. */
export interface MacTimes {
  /** How many seconds an address is kept after its last frame; default 100. */
  expireSeconds: number;
  /** Seconds between two removals of addresses that have aged out; 0 or less for never; default 2. */
  gcIntervalSeconds: number;
  /**
   * The period, in seconds, in which an address may move to another port at most four times. After four moves, the
   * address stays on its port until the period ends. 0 or less means no limit; default 3.
   */
  minPersistenceSeconds: number;
}

const TIMES = { expireSeconds: true, gcIntervalSeconds: true, minPersistenceSeconds: true } satisfies Record<
  keyof MacTimes,
  true
>;

export const DEFAULT_MAC_TIMES: MacTimes = { expireSeconds: 100, gcIntervalSeconds: 2, minPersistenceSeconds: 3 };

/** Finds the number of a port by its name. Throws SwitchError EINVAL if no port has the name. */
interface PortNumbers {
  number(port: string): number;
}

/** The addresses that the switch has learned (IEEE 802.1D-2004, 7.8 and 7.9). */
export class MacTable {
  readonly #engine: NativeEngine;
  readonly #ports: PortNumbers;
  #times = DEFAULT_MAC_TIMES;
  #hashSize: number;
  #watchers = 0;

  /** @internal */
  constructor(engine: NativeEngine, hashSize: number, ports: PortNumbers) {
    this.#engine = engine;
    this.#ports = ports;
    this.#hashSize = roundHashSize(hashSize);
  }

  /** The times in effect. */
  get times(): MacTimes {
    return this.#times;
  }

  /** Changes the given times, in whole seconds, and keeps the others. Throws SwitchError EINVAL for an unknown name. */
  setTimes(times: Partial<MacTimes>): void {
    checkOptions(times, TIMES);
    this.#engine.configure(times);
    this.#times = { ...this.#times, ...times };
  }

  /**
   * The number of hash buckets that the console shows; it has no other effect. As in vde_switch, setting it rounds up
   * to a power of two and forgets every address. Throws SwitchError EINVAL below 1 and above 2^30.
   */
  get hashSize(): number {
    return this.#hashSize;
  }

  set hashSize(size: number) {
    this.#hashSize = roundHashSize(size);
    this.#engine.flushMacs();
  }

  /**
   * Makes the switch emit an event for each address that is learned, moved or removed, until the returned function is
   * called. Without a watcher there are no such events, since there can be many.
   */
  watch(): () => void {
    if (this.#watchers++ === 0) this.#engine.watchMacs(true);
    let watching = true;
    return () => {
      if (watching && --this.#watchers === 0) this.#engine.watchMacs(false);
      watching = false;
    };
  }

  /** Returns every address, the most recently seen first. */
  entries(): MacEntry[] {
    return this.#engine.macEntries();
  }

  /** Returns how full the table is. */
  stats(): MacStats {
    return this.#engine.macStats();
  }

  /**
   * Forgets addresses: those learned on a port, in a VLAN, on a port in a VLAN, or all. Returns how many were
   * forgotten. The port is given by its number or its name. Throws SwitchError EINVAL for a name that no port has.
   */
  flush({ port, vlan }: { port?: number | string; vlan?: number } = {}): number {
    return this.#engine.flushMacs(typeof port === 'string' ? this.#ports.number(port) : port, vlan);
  }
}

function roundHashSize(size: number): number {
  const largest = 2 ** 30;
  if (!Number.isInteger(size) || size < 1 || size > largest) {
    throw new SwitchError('EINVAL', `a hash size of ${size}: it must be from 1 to ${largest}`);
  }
  return 2 ** Math.ceil(Math.log2(size));
}
