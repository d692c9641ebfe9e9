// The spanning trees of a switch, one per VLAN: events in, effects out, without clock, timer or socket. `now` is in
// seconds from any origin; tick() is to be called every second, on or off. Forged BPDUs, however many or bad, throw
// nothing and make nothing grow: limits.ts bounds the answers, and the engine bounds and counts what arrives.
import { Clock } from './clock.ts';
import type { Effect, PortState } from './effect.ts';
import { PORT_COST } from './limits.ts';
import type { Role, TreePort } from './port.ts';
import { type Bonus, Tree } from './tree.ts';
import { type BridgeId, bridgeId } from './vector.ts';

export interface BridgeOptions {
  /** Six hex bytes with colons. */
  mac: string;
  /** 16 bits; the lowest becomes root. */
  priority?: number;
}

export interface Membership {
  vlan: number;
  port: number;
  tagged: boolean;
}

/** A port in the spanning tree of a VLAN. */
export interface TreePortView {
  /** The number of the port. */
  port: number;
  /** Whether the port is a tagged member of the VLAN. */
  tagged: boolean;
  /** What the path by this port costs: 20000000, less its bonus. */
  cost: number;
  /** What the port is in the tree. */
  role: Role;
  /** Whether the port forwards frames of the VLAN. */
  state: PortState;
}

/** The spanning tree of a VLAN, as `fstp/print` shows it. */
export interface TreeView {
  /** The VLAN. */
  vlan: number;
  /** The switch that is the root of the tree. */
  root: BridgeId;
  /** The neighbour that offers the path to the root; undefined if the root is this switch. */
  designated: BridgeId | undefined;
  /** The port that leads to the root; undefined if the root is this switch. */
  rootPort: number | undefined;
  /** What the path to the root costs; 0 if the root is this switch. */
  cost: number;
  /** Seconds since the root port last heard of the root; if the root is this switch, since the start. */
  age: number;
  /** The port whose path costs less than the others', and by how much. */
  bonus: { port: number; cost: number };
  /** The active ports: untagged members first, ascending. */
  ports: TreePortView[];
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

  /** Lets every port forward. */
  switchOff(now: number): Effect[] {
    if (!this.#on) return [];
    this.#on = false;
    return this.#all(now, (tree) => tree.stop());
  }

  tick(now: number): Effect[] {
    return this.#all(now, (tree, at) => tree.tick(at));
  }

  // --- VLANs and their active ports. Calls with an unknown VLAN have no effect.

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

  /** An active port has joined this VLAN, forwarding, or has become tagged or untagged there. */
  addPort({ vlan, port, tagged }: Membership, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.addPort(port, tagged));
  }

  /** The port has become inactive or has left the VLAN. */
  removePort({ vlan, port }: Omit<Membership, 'tagged'>, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.removePort(port));
  }

  // --- Settings, kept while a port is inactive

  /** An edge port forwards, and neither sends nor accepts BPDUs. */
  setEdge({ vlan, port, edge }: { vlan: number; port: number; edge: boolean }, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.setEdge(port, edge));
  }

  /** Lowers the cost of one port of a VLAN. */
  setBonus({ vlan, ...bonus }: Bonus & { vlan: number }, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.setBonus(bonus));
  }

  // --- BPDUs

  /** Takes a frame to 01:80:c2:00:00:00, tagged or untagged. */
  receive({ vlan, port, bytes }: { vlan: number; port: number; bytes: Buffer }, now: number): Effect[] {
    return this.#one(vlan, now, (at, tree) => tree.receive(port, bytes, at));
  }

  // --- Queries

  vlans(): number[] {
    return [...this.#trees.keys()].sort((a, b) => a - b);
  }

  view(vlan: number): TreeView | undefined {
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

function viewPort({ number, tagged, role, state }: Readonly<TreePort>): TreePortView {
  return { port: number, tagged, cost: PORT_COST, role, state };
}
