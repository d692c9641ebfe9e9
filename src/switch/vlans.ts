// The VLANs of a switch and their members (802.1Q). A port has one untagged VLAN, or none, and any number of tagged ones. The
// port table holds the memberships; the engine and the spanning trees learn of each change.
import { SwitchError } from '../protocol/errors.ts';
import type { NativeEngine } from '../system/native.ts';
import type { PortInfo, PortTable } from './port-table.ts';

/** VID 4095 is reserved (802.1Q-2018, table 9-2); as a port's untagged VLAN it means none. */
export const NO_VLAN = 4095;
const LAST_VLAN = 4094;

/** A port in a VLAN. */
export interface VlanMember {
  port: number;
  /** Whether the VLAN's frames carry a tag on this port. */
  tagged: boolean;
  /** At least one endpoint is attached to the port. */
  active: boolean;
}

/** Learns of changes. */
export interface VlanWatcher {
  vlanCreated(vlan: number): void;
  vlanRemoved(vlan: number): void;
  portChanged(number: number, port: PortInfo | undefined): void;
}

export class Vlans {
  readonly #watcher: VlanWatcher;
  readonly #engine: NativeEngine;
  readonly #ports: PortTable;
  /** VLAN 0, every new port's untagged VLAN, always exists. */
  readonly #created = new Set([0]);

  #strict: boolean;

  constructor(engine: NativeEngine, ports: PortTable, watcher: VlanWatcher, strict: boolean) {
    this.#watcher = watcher;
    this.#engine = engine;
    this.#ports = ports;
    this.#strict = strict;
  }

  /**
   * true: frames tagged with a VLAN that was never created are dropped, as by vde_switch; false: they pass through the port's
   * untagged VLAN unchanged.
   */
  get strict(): boolean {
    return this.#strict;
  }

  set strict(strictVlan: boolean) {
    this.#engine.configure({ strictVlan });
    this.#strict = strictVlan;
  }

  /** Returns the VLANs that exist, ascending. */
  list(): number[] {
    return [...this.#created].sort((a, b) => a - b);
  }

  /** Creates a VLAN, 1 to 4094. Throws SwitchError EINVAL, EEXIST. */
  create(vlan: number): void {
    checkRange(vlan, 1);
    if (this.#created.has(vlan)) throw new SwitchError('EEXIST', `VLAN ${vlan} exists already`);
    this.#created.add(vlan);
    this.#engine.setVlanCreated(vlan, true);
    this.#watcher.vlanCreated(vlan);
  }

  /**
   * Creates a VLAN that does not exist. Returns a function that removes it again, unless it has members by then or existed before.
   * @internal
   */
  ensure(vlan: number): () => void {
    if (this.#created.has(vlan)) return () => {};
    this.create(vlan);
    return () => {
      if (this.#created.has(vlan) && this.members(vlan).length === 0) this.remove(vlan);
    };
  }

  /** Removes a VLAN. Throws SwitchError EINVAL, ENXIO; EADDRINUSE for VLAN 0 and while the VLAN has members. */
  remove(vlan: number): void {
    this.check(vlan);
    if (vlan === 0) throw new SwitchError('EADDRINUSE', 'VLAN 0 is the network of every new port');
    const [member] = this.members(vlan);
    if (member) throw new SwitchError('EADDRINUSE', `port ${member.port} is in VLAN ${vlan}: take it out first`);
    this.#created.delete(vlan);
    this.#engine.setVlanCreated(vlan, false);
    this.#watcher.vlanRemoved(vlan);
  }

  /** Returns the ports in a VLAN, by number. */
  members(vlan: number): VlanMember[] {
    return this.#ports
      .list()
      .filter(({ vlans }) => vlans.has(vlan))
      .map(({ number, active, untaggedVlan }) => ({ port: number, tagged: untaggedVlan !== vlan, active }));
  }

  /** Replaces a port's untagged VLAN; 4095 for none. Throws SwitchError EINVAL, ENXIO. */
  setUntagged(port: number, vlan: number): void {
    this.#ports.check(port);
    if (vlan !== NO_VLAN) checkRange(vlan);
    const { vlans, untaggedVlan } = this.#existing(port);
    if (vlan !== NO_VLAN) this.check(vlan);
    const memberships = new Set(vlans);
    memberships.delete(untaggedVlan);
    if (vlan !== NO_VLAN) memberships.add(vlan);
    this.#ports.setVlans(port, vlan, memberships);
    this.#engine.setUntaggedVlan(port, vlan);
    this.#watcher.portChanged(port, this.#ports.get(port));
  }

  /**
   * Replaces a port's untagged VLAN for a while. Returns a function that restores the previous one, unless another has been set.
   * @internal
   */
  lendUntagged(port: number, vlan: number): () => void {
    const before = this.#existing(port).untaggedVlan;
    this.setUntagged(port, vlan);
    return () => {
      if (this.#ports.get(port)?.untaggedVlan !== vlan) return;
      this.setUntagged(port, before === NO_VLAN || this.#created.has(before) ? before : 0);
    };
  }

  /** Adds a port to a VLAN as a tagged member. Throws SwitchError EINVAL, ENXIO. */
  addPort(vlan: number, port: number): void {
    this.#change(vlan, port, true);
  }

  /** Removes a tagged member. Throws SwitchError EINVAL, ENXIO; EADDRINUSE if the VLAN is the port's untagged one. */
  removePort(vlan: number, port: number): void {
    this.#change(vlan, port, false);
  }

  /** Throws SwitchError EINVAL for a number that no VLAN can have, and ENXIO for a VLAN that does not exist. */
  check(vlan: number): void {
    checkRange(vlan);
    if (!this.#created.has(vlan)) throw new SwitchError('ENXIO', `there is no VLAN ${vlan}: create it first`);
  }

  #change(vlan: number, port: number, member: boolean): void {
    checkRange(vlan);
    this.#ports.check(port);
    this.check(vlan);
    const { vlans, untaggedVlan } = this.#existing(port);
    if (untaggedVlan === vlan) {
      if (member) return;
      throw new SwitchError('EADDRINUSE', `VLAN ${vlan} is the untagged VLAN of port ${port}: set another first`);
    }
    const memberships = new Set(vlans);
    if (member) memberships.add(vlan);
    else memberships.delete(vlan);
    this.#ports.setVlans(port, untaggedVlan, memberships);
    this.#engine.setMember(port, vlan, member);
    this.#watcher.portChanged(port, this.#ports.get(port));
  }

  #existing(port: number): PortInfo {
    const found = this.#ports.get(port);
    if (!found) throw new SwitchError('ENXIO', `there is no port ${port}`);
    return found;
  }
}

function checkRange(vlan: number, first = 0): void {
  if (Number.isInteger(vlan) && vlan >= first && vlan <= LAST_VLAN) return;
  throw new SwitchError('EINVAL', `VLAN ${vlan} is not one of ${first} to ${LAST_VLAN}`);
}
