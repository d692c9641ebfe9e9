// Connects the spanning-tree machine to the switch: tells the machine about ports, VLANs and BPDUs, and applies its
// effects to the engine.
import type { Effect, EventCategory, PortState } from '../fstp/effect.ts';
import { type BridgeOptions, SpanningTree, type TreeView } from '../fstp/machine.ts';
import type { NativeEngine } from '../system/engine.ts';
import type { PortInfo } from './port-table.ts';

const TICK_MS = 1000;

export type { TreePortView, TreeView } from '../fstp/machine.ts';

/** Called for each event for which vde_switch has a debug line. */
export type TreeListener = (category: EventCategory, text: string) => void;

/** The spanning trees of a switch, one for each VLAN, which prevent forwarding loops. */
export class SpanningTrees {
  readonly #engine: NativeEngine;
  readonly #machine: SpanningTree;
  readonly #listener: TreeListener;
  readonly #numberOf: (port: number | string) => number;
  /** The memberships that the machine knows: for each port, its VLANs, and whether it is a tagged member of each. */
  readonly #told = new Map<number, Map<number, boolean>>();
  readonly #discarding = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** @internal */
  constructor(
    engine: NativeEngine,
    bridge: BridgeOptions,
    listener: TreeListener,
    portNamed: (name: string) => number,
  ) {
    this.#numberOf = (port) => (typeof port === 'string' ? portNamed(port) : port);
    this.#engine = engine;
    this.#listener = listener;
    this.#machine = new SpanningTree(bridge);
    this.vlanCreated(0);
  }

  /** Whether spanning tree is on. */
  get enabled(): boolean {
    return this.#machine.on;
  }

  /** The priority of this switch, 0 to 65535. The switch with the lowest priority becomes the root. */
  get priority(): number {
    return this.#machine.priority;
  }

  /** Switches spanning tree on. */
  switchOn(): void {
    this.#engine.configure({ takesBpdus: true });
    this.#timer ??= setInterval(() => this.#apply(this.#machine.tick(now())), TICK_MS).unref();
    this.#apply(this.#machine.switchOn(now()));
  }

  /** Switches spanning tree off: every port forwards. */
  switchOff(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#apply(this.#machine.switchOff(now()));
    this.#engine.configure({ takesBpdus: false });
  }

  /**
   * Makes a port an edge port in a VLAN, or an ordinary one. An edge port forwards, and neither sends nor receives
   * BPDUs. The port is given by its number or its name. Throws SwitchError EINVAL for a name that no port has.
   */
  setEdge(vlan: number, port: number | string, edge: boolean): void {
    this.#apply(this.#machine.setEdge({ vlan, port: this.#numberOf(port), edge }, now()));
  }

  /**
   * Lowers the cost of the path through this port in a VLAN by `cost`. A VLAN has only one bonus: the new bonus
   * replaces that of another port. The port is given as for setEdge().
   */
  setBonus(vlan: number, port: number | string, cost: number): void {
    this.#apply(this.#machine.setBonus({ vlan, port: this.#numberOf(port), cost }, now()));
  }

  /** Returns the tree of a VLAN, or undefined if the VLAN does not exist. */
  view(vlan: number): TreeView | undefined {
    return this.#machine.view(vlan);
  }

  /** Returns the state of a port in a VLAN: whether it forwards frames. */
  stateOf(vlan: number, port: number): PortState {
    return this.#discarding.has(`${vlan}/${port}`) ? 'discarding' : 'forwarding';
  }

  // --- Events of the switch

  /** @internal */
  vlanCreated(vlan: number): void {
    this.#apply(this.#machine.createVlan(vlan, now()));
  }

  /** @internal */
  vlanRemoved(vlan: number): void {
    this.#machine.removeVlan(vlan);
  }

  /**
   * Tells the machine that a port has become active or inactive, that its VLANs have changed, or that it has become or
   * ceased to be the target of a mirror. `port` is undefined if the port was removed.
   * @internal
   */
  portChanged(number: number, port: PortInfo | undefined): void {
    const told = this.#told.get(number) ?? new Map<number, boolean>();
    const vlans = port?.active && !port.mirrorTarget ? port.vlans : new Set<number>();
    for (const vlan of told.keys()) {
      if (vlans.has(vlan)) continue;
      told.delete(vlan);
      this.#discarding.delete(`${vlan}/${number}`);
      this.#engine.setDiscarding(number, vlan, false);
      this.#apply(this.#machine.removePort({ vlan, port: number }, now()));
    }
    for (const vlan of vlans) {
      const tagged = port!.untaggedVlan !== vlan;
      if (told.get(vlan) === tagged) continue;
      told.set(vlan, tagged);
      this.#apply(this.#machine.addPort({ vlan, port: number, tagged }, now()));
    }
    if (told.size > 0) this.#told.set(number, told);
    else this.#told.delete(number);
  }

  /** @internal */
  received(port: number, vlan: number, bytes: Buffer): void {
    this.#apply(this.#machine.receive({ vlan, port, bytes }, now()));
  }

  /** @internal */
  close(): void {
    clearInterval(this.#timer);
  }

  #apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#engine.send(effect.port, effect.bytes);
          break;
        case 'state':
          this.#setState(effect);
          break;
        case 'flush':
          this.#engine.flushMacs(undefined, effect.vlan);
          break;
        case 'event':
          this.#listener(effect.category, effect.text);
          break;
      }
    }
  }

  #setState({ port, vlan, state }: { port: number; vlan: number; state: PortState }): void {
    const key = `${vlan}/${port}`;
    if (state === 'discarding') this.#discarding.add(key);
    else this.#discarding.delete(key);
    this.#engine.setDiscarding(port, vlan, state === 'discarding');
  }
}

/** Returns monotonic time in seconds. */
function now(): number {
  return performance.now() / 1000;
}
