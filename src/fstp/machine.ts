// The spanning trees of a switch, one per VLAN. Events go in and effects come out: the system's clock, timers and
// sockets are not used here. `now` is in seconds from any origin. While spanning tree is on, tick() must be called
// every second. Forged BPDUs cause no exceptions and do not use up memory: limits.ts bounds the answers, and the engine
// bounds and counts the BPDUs that arrive.
import { Clock } from './clock.ts';
import type { Effect, PortState } from './effect.ts';
import { PORT_COST } from './limits.ts';
import type { Role, TreePort } from './port.ts';
import { type Bonus, Tree } from './tree.ts';
import { type BridgeId, bridgeId } from './vector.ts';

export interface BridgeOptions {
  /** The MAC address of the switch: six bytes in hex, separated by colons. */
  mac: string;
  /** The priority, 16 bits. The switch with the lowest priority becomes the root. */
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
  /** The cost of the port before a bonus is subtracted: always 20000000. */
  cost: number;
  /** The role of the port in the tree. */
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
  /** The cost of the path to the root; 0 if the root is this switch. */
  cost: number;
  /** Seconds since the root port last heard of the root; if the root is this switch, since the start. */
  age: number;
  /** The port whose cost is reduced by a bonus, and that bonus. */
  bonus: { port: number; cost: number };
  /** The active ports: first the untagged members, then the tagged ones, both in ascending order. */
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

  /** Turns spanning tree off: every port forwards. */
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

  /**
   * Adds an active port, which forwards at first, to the VLAN. If the port is there already, changes whether it is
   * tagged.
   */
  addPort({ vlan, port, tagged }: Membership, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.addPort(port, tagged));
  }

  /** Removes a port that has become inactive or has left the VLAN. */
  removePort({ vlan, port }: Omit<Membership, 'tagged'>, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.removePort(port));
  }

  // --- Settings, kept while a port is inactive

  /**
   * Makes a port an edge port or an ordinary one. An edge port always forwards, and neither sends nor accepts BPDUs.
   */
  setEdge({ vlan, port, edge }: { vlan: number; port: number; edge: boolean }, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.setEdge(port, edge));
  }

  /** Lowers the cost of one port of a VLAN. */
  setBonus({ vlan, ...bonus }: Bonus & { vlan: number }, now: number): Effect[] {
    return this.#one(vlan, now, (_, tree) => tree.setBonus(bonus));
  }

  // --- BPDUs

  /** Processes a frame sent to 01:80:c2:00:00:00, tagged or untagged. */
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
