// The spanning trees of a switch, one a VLAN: events in, effects out. No clock, no timer, no socket; `now` is in seconds,
// of any origin, and is to be told by tick() every second, on or off. Whoever makes BPDUs by hand, many or bad ones, meets
// the bounds of limits.ts: nothing throws, nothing grows, and what is sent in answer does not grow with what came.
import { Clock } from './clock.ts';
import type { Effect, PortState } from './effect.ts';
import { PORT_COST } from './limits.ts';
import type { Role } from './port.ts';
import { type Bonus, Tree } from './tree.ts';
import { type BridgeId, bridgeId } from './vector.ts';

export interface BridgeOptions {
  /** Six hex bytes with colons. */
  mac: string;
  /** 16 bits; the lowest is root. */
  priority?: number;
}

export interface Membership {
  vlan: number;
  port: number;
  tagged: boolean;
}

export interface PortView {
  port: number;
  tagged: boolean;
  cost: number;
  role: Role;
  state: PortState;
}

/** A VLAN's `fstp/print`. */
export interface VlanView {
  vlan: number;
  root: BridgeId;
  /** Who offers us the way there; undefined, as the root port, when the root is this switch. */
  designated: BridgeId | undefined;
  rootPort: number | undefined;
  cost: number;
  /** Seconds since the root port heard; of the root, since the start. */
  age: number;
  bonus: Bonus;
  /** The active ones: untagged first, ascending. */
  ports: PortView[];
}

export const DEFAULT_PRIORITY = 0x8000;

export class SpanningTree {
  readonly mac: string;
  readonly priority: number;
  readonly #id: BridgeId;
  readonly #clock = new Clock();
  readonly #trees = new Map<number, Tree>();
  #on = false;
  #now = 0;

  constructor({ mac, priority = DEFAULT_PRIORITY }: BridgeOptions) {
    this.mac = mac.toLowerCase();
    this.priority = priority & 0xffff;
    this.#id = bridgeId(this.priority, this.mac);
  }

  // --- The whole

  get on(): boolean {
    return this.#on;
  }

  switchOn(now: number): Effect[] {
    return this.#all(now, (tree, at) => {
      if (!this.#on) tree.start(at);
    }, true);
  }

  /** Every port forwards. */
  switchOff(now: number): Effect[] {
    return this.#all(now, (tree) => {
      if (this.#on) tree.stop();
    }, false);
  }

  tick(now: number): Effect[] {
    return this.#all(now, (tree, at) => tree.tick(at));
  }
}
