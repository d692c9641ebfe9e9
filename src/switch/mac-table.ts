// The MAC table as people see it: its settings, its entries. The engine holds it; what is not the engine's is only the number
// of buckets, which the console shows as vde_switch does.

import { SwitchError } from '../protocol/errors.ts';
import type { NativeEngine, NativeMacEntry, NativeMacStats } from '../system/native.ts';

export type MacEntry = NativeMacEntry;
export type MacStats = NativeMacStats;

export interface MacTimes {
  /** An address silent for longer is forgotten; default 100. */
  expireSeconds: number;
  /** How often such addresses are looked for; 0 or less: never; default 2. */
  gcIntervalSeconds: number;
  /** An address moves to another port only after this long a silence on the old one; default 3. */
  minPersistenceSeconds: number;
}

export const DEFAULT_MAC_TIMES: MacTimes = { expireSeconds: 100, gcIntervalSeconds: 2, minPersistenceSeconds: 3 };

export class MacTable {
  readonly #engine: NativeEngine;
  #times = DEFAULT_MAC_TIMES;
  #hashSize: number;
  #watched = false;

  constructor(engine: NativeEngine, hashSize: number) {
    this.#engine = engine;
    this.#hashSize = roundHashSize(hashSize);
  }

  get times(): MacTimes {
    return this.#times;
  }

  setTimes(times: Partial<MacTimes>): void {
    this.#engine.configure(times);
    this.#times = { ...this.#times, ...times };
  }

  get hashSize(): number {
    return this.#hashSize;
  }

  /** Rounds up to a power of two, and forgets every address, as vde_switch does. EINVAL below 1. */
  set hashSize(size: number) {
    this.#hashSize = roundHashSize(size);
    this.#engine.flushMacs();
  }

  /** Whether addresses that come and go are events of the switch. */
  get watched(): boolean {
    return this.#watched;
  }

  set watched(watched: boolean) {
    this.#engine.watchMacs(watched);
    this.#watched = watched;
  }

  /** Newest first. */
  entries(): MacEntry[] {
    return this.#engine.macEntries();
  }

  stats(): MacStats {
    return this.#engine.macStats();
  }

  /** Forgets the addresses learned on a port, in a VLAN, or all; returns how many went. */
  flush({ port, vlan }: { port?: number; vlan?: number } = {}): number {
    return this.#engine.flushMacs(port, vlan);
  }
}

function roundHashSize(size: number): number {
  const largest = 2 ** 30;
  if (!Number.isInteger(size) || size < 1 || size > largest) {
    throw new SwitchError('EINVAL', `a hash size of ${size}: it must be from 1 to ${largest}`);
  }
  return 2 ** Math.ceil(Math.log2(size));
}
