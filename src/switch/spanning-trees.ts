// Connects the spanning-tree machine to the switch: it tells the machine of ports, VLANs and BPDUs, and applies its effects to
// the engine.
import type { Effect, EventCategory, PortState } from '../fstp/effect.ts';
import { type BridgeOptions, SpanningTree, type VlanView } from '../fstp/machine.ts';
import type { NativeEngine } from '../system/native.ts';
import type { PortInfo } from './port-table.ts';

const TICK_MS = 1000;

/** The state that `fstp/print` shows. */
export type { PortView, VlanView } from '../fstp/machine.ts';

/** Called for each event that vde_switch has a debug line for. */
export type TreeListener = (category: EventCategory, text: string) => void;

export class SpanningTrees {
  readonly #engine: NativeEngine;
  readonly #machine: SpanningTree;
  readonly #listener: TreeListener;
  /** By port: the VLANs that the machine knows the port to be in, and whether it is a tagged member. */
  readonly #told = new Map<number, Map<number, boolean>>();
  readonly #discarding = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(engine: NativeEngine, bridge: BridgeOptions, listener: TreeListener) {
    this.#engine = engine;
    this.#listener = listener;
    this.#machine = new SpanningTree(bridge);
    this.vlanCreated(0);
  }

  get enabled(): boolean {
    return this.#machine.on;
  }

  /** The switch's priority, 16 bits; the switch with the lowest becomes root. */
  get priority(): number {
    return this.#machine.priority;
  }

  switchOn(): void {
    this.#engine.configure({ takesBpdus: true });
    this.#timer ??= setInterval(() => this.#apply(this.#machine.tick(now())), TICK_MS).unref();
    this.#apply(this.#machine.switchOn(now()));
  }

  switchOff(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#apply(this.#machine.switchOff(now()));
    this.#engine.configure({ takesBpdus: false });
  }

  /** Makes a port an edge port in a VLAN: it always forwards, sends no BPDUs and ignores those that it receives. */
  setEdge(vlan: number, port: number, edge: boolean): void {
    this.#apply(this.#machine.setEdge({ vlan, port, edge }, now()));
  }

  /** Reduces the path cost of a port in a VLAN by `cost`. */
  setBonus(vlan: number, port: number, cost: number): void {
    this.#apply(this.#machine.setBonus({ vlan, port, cost }, now()));
  }

  view(vlan: number): VlanView | undefined {
    return this.#machine.view(vlan);
  }

  stateOf(vlan: number, port: number): PortState {
    return this.#discarding.has(`${vlan}/${port}`) ? 'discarding' : 'forwarding';
  }

  // --- Events of the switch

  vlanCreated(vlan: number): void {
    this.#apply(this.#machine.createVlan(vlan, now()));
  }

  vlanRemoved(vlan: number): void {
    this.#machine.removeVlan(vlan);
  }

  /** Call it when a port becomes active or inactive or its VLANs change; `undefined` if it was removed. */
  portChanged(number: number, port: PortInfo | undefined): void {
    const told = this.#told.get(number) ?? new Map<number, boolean>();
    const vlans = port?.active ? port.vlans : new Set<number>();
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

  received(port: number, vlan: number, bytes: Buffer): void {
    this.#apply(this.#machine.receive({ vlan, port, bytes }, now()));
  }

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

/** Monotonic time in seconds. */
function now(): number {
  return performance.now() / 1000;
}
