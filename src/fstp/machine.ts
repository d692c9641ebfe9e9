// The spanning trees of a switch, one a VLAN: events in, effects out. No clock, no timer, no socket; `now` is in seconds,
// of any origin, and is to be told by tick() every second, on or off. Whoever makes BPDUs by hand, many or bad ones, meets
// the bounds of limits.ts: nothing throws, nothing grows, and what is sent in answer does not grow with what came. How many
// come the engine bounds, which counts those that it drops.
import { Clock } from './clock.ts';
import type { Effect, PortState } from './effect.ts';
import { PORT_COST } from './limits.ts';
import type { Role, TreePort } from './port.ts';
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
  /** Seconds since the root port last heard of it; of the root, since the start. */
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

  get on(): boolean {
    return this.#on;
  }

  switchOn(now: number): Effect[] {
    if (this.#on) return [];
    this.#on = true;
    return this.#all(now, (tree, at) => tree.start(at));
  }

  /** Every port forwards. */
  switchOff(now: number): Effect[] {
    if (!this.#on) return [];
    this.#on = false;
    return this.#all(now, (tree) => tree.stop());
  }

  tick(now: number): Effect[] {
    return this.#all(now, (tree, at) => tree.tick(at));
  }

  // --- VLANs and their active ports. What names a VLAN that is not there has no effect.

  createVlan(vlan: number, now: number): Effect[] {
    if (this.#trees.has(vlan)) return [];
    this.#trees.set(vlan, new Tree(vlan, { id: this.#id, mac: this.mac }));
    return this.#one(vlan, now, (at, tree) => {
      if (this.#on) tree.start(at);
    });
  }

  removeVlan(vlan: number): void {
    this.#trees.delete(vlan);
  }

  /** An active port is now in this VLAN, forwarding, or changes whether it is tagged there. */
  addPort({ vlan, port, tagged }: Membership, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.addPort(port, tagged));
  }

  /** It became inactive, or left the VLAN. */
  removePort({ vlan, port }: Omit<Membership, 'tagged'>, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.removePort(port));
  }

  // --- Settings; they outlast the port's activity

  /** An edge port forwards, sends no BPDU and hears none. */
  setEdge({ vlan, port, edge }: { vlan: number; port: number; edge: boolean }, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.setEdge(port, edge));
  }

  /** One port of a VLAN costs that much less. */
  setBonus({ vlan, ...bonus }: Bonus & { vlan: number }, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.setBonus(bonus));
  }

  // --- BPDUs

  /** A frame to 01:80:c2:00:00:00, with its tag or without. */
  receive({ vlan, port, bytes }: { vlan: number; port: number; bytes: Buffer }, now: number): Effect[] {
    return this.#one(vlan, now, (at, tree) => tree.receive(port, bytes, at));
  }

  // --- What is known

  vlans(): number[] {
    return [...this.#trees.keys()].sort((a, b) => a - b);
  }

  view(vlan: number): VlanView | undefined {
    const tree = this.#trees.get(vlan);
    if (!tree) return undefined;
    const { root, designated, port, cost } = tree.election;
    return {
      vlan,
      root,
      designated,
      rootPort: port?.number,
      cost,
      age: Math.floor(this.#now - (port?.offer?.heardAt ?? 0)),
      bonus: tree.bonus,
      ports: [...tree.ports].map(viewPort).sort((a, b) => Number(a.tagged) - Number(b.tagged) || a.port - b.port),
    };
  }

  #one(vlan: number, now: number, act: (at: number, tree: Tree) => void): Effect[] {
    this.#now = this.#clock.at(now);
    const tree = this.#trees.get(vlan);
    if (!tree) return [];
    act(this.#now, tree);
    return tree.take(this.#now);
  }

  #all(now: number, act: (tree: Tree, at: number) => void): Effect[] {
    this.#now = this.#clock.at(now);
    return this.vlans().flatMap((vlan) => {
      const tree = this.#trees.get(vlan)!;
      act(tree, this.#now);
      return tree.take(this.#now);
    });
  }
}

function viewPort({ number, tagged, role, state }: Readonly<TreePort>): PortView {
  return { port: number, tagged, cost: PORT_COST, role, state };
}
