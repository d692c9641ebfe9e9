// The VLANs of a switch and their members (802.1Q). A port has at most one untagged VLAN, and any number of tagged
// ones. The port table holds the memberships; the engine, the spanning trees and the listeners of events are told about
// each change. Methods here take the VLAN first; those of the engine and of the port table take the port first.
import { SwitchError } from '../protocol/errors.ts';
import type { NativeEngine } from '../system/engine.ts';
import type { SwitchEvent } from './events.ts';
import type { PortInfo, PortTable } from './port-table.ts';

/** VID 4095 is reserved (802.1Q-2018, table 9-2). As a port's untagged VLAN it means none. */
export const NO_VLAN = 4095;
const LAST_VLAN = 4094;

/** A port that is a member of a VLAN. */
export interface VlanMember {
  /** The number of the port. */
  port: number;
  /** Whether frames of the VLAN are tagged on this port. */
  tagged: boolean;
  /** Whether at least one endpoint is attached to the port. */
  active: boolean;
}

/** A VLAN that was created, or VLAN 0. */
export interface VlanInfo {
  /** The VLAN identifier, 0 to 4094. */
  number: number;
  /** The member ports, in order of number. */
  members: VlanMember[];
}

/** The parts of the switch that are told about changes. */
export interface VlanWatcher {
  vlanCreated(vlan: number): void;
  vlanRemoved(vlan: number): void;
  portChanged(number: number, port: PortInfo | undefined): void;
}

/** The VLANs of a switch (IEEE 802.1Q). VLAN 0 always exists: every new port is an untagged member of it. */
export class Vlans {
  readonly #watcher: VlanWatcher;
  readonly #engine: NativeEngine;
  readonly #ports: PortTable;
  /** VLAN 0, every new port's untagged VLAN, always exists. */
  readonly #created = new Set([0]);

  readonly #tell: (event: SwitchEvent) => void;
  #strict: boolean;

  /** @internal */
  constructor(
    engine: NativeEngine,
    ports: PortTable,
    watcher: VlanWatcher,
    strict: boolean,
    tell: (event: SwitchEvent) => void = () => {},
  ) {
    this.#watcher = watcher;
    this.#tell = tell;
    this.#engine = engine;
    this.#ports = ports;
    this.#strict = strict;
  }

  /**
   * Whether frames tagged with a VLAN that was never created are dropped. Otherwise they pass unchanged: the port's
   * untagged VLAN carries them, with the tag as payload.
   */
  get strict(): boolean {
    return this.#strict;
  }

  set strict(strictVlan: boolean) {
    this.#engine.configure({ strictVlan });
    this.#strict = strictVlan;
  }

  /** Returns the VLAN, or undefined if it does not exist. */
  get(vlan: number): VlanInfo | undefined {
    return this.#created.has(vlan) ? { number: vlan, members: this.members(vlan) } : undefined;
  }

  /** Returns all existing VLANs, in order of number. */
  list(): VlanInfo[] {
    return [...this.#created].sort((a, b) => a - b).map((vlan) => this.get(vlan)!);
  }

  /** Creates a VLAN, 1 to 4094. Throws SwitchError EINVAL, EEXIST. */
  create(vlan: number): void {
    checkRange(vlan, 1);
    if (this.#created.has(vlan)) throw new SwitchError('EEXIST', `VLAN ${vlan} exists already`);
    this.#created.add(vlan);
    this.#engine.setVlanCreated(vlan, true);
    this.#tell({ type: 'vlan-created', vlan });
    this.#watcher.vlanCreated(vlan);
  }

  /**
   * Creates the VLAN if it does not exist. Returns a function that removes a VLAN created in this way, unless it has
   * members. @internal
   */
  ensure(vlan: number): () => void {
    if (this.#created.has(vlan)) return () => {};
    this.create(vlan);
    return () => {
      if (this.#created.has(vlan) && this.members(vlan).length === 0) this.remove(vlan);
    };
  }

  /** Removes a VLAN. Throws SwitchError EINVAL, ENXIO, or EADDRINUSE for VLAN 0 and for a VLAN with members. */
  remove(vlan: number): void {
    this.check(vlan);
    if (vlan === 0) throw new SwitchError('EADDRINUSE', 'VLAN 0 is the network of every new port');
    const [member] = this.members(vlan);
    if (member) throw new SwitchError('EADDRINUSE', `port ${member.port} is in VLAN ${vlan}: take it out first`);
    this.#created.delete(vlan);
    this.#engine.setVlanCreated(vlan, false);
    this.#watcher.vlanRemoved(vlan);
    this.#tell({ type: 'vlan-removed', vlan });
  }

  /** Returns the ports in a VLAN, in order of number; none for a VLAN that does not exist. */
  members(vlan: number): VlanMember[] {
    return this.#ports
      .list()
      .filter(({ vlans }) => vlans.has(vlan))
      .map(({ number, active, untaggedVlan }) => ({ port: number, tagged: untaggedVlan !== vlan, active }));
  }

  /**
   * Makes a VLAN the untagged VLAN of a port, replacing the previous one; 4095 for none. Throws SwitchError EINVAL,
   * ENXIO.
   */
  setUntagged(vlan: number, which: number | string): void {
    const port = this.#ports.number(which);
    if (vlan !== NO_VLAN) checkRange(vlan);
    const { vlans, untaggedVlan } = this.#existing(port);
    if (vlan !== NO_VLAN) this.check(vlan);
    const memberships = new Set(vlans);
    memberships.delete(untaggedVlan);
    if (vlan !== NO_VLAN) memberships.add(vlan);
    this.#engine.setUntaggedVlan(port, vlan); // first, since it can fail for want of memory
    this.#ports.setVlans(port, vlan, memberships);
    this.#changed(port);
  }

  /**
   * Does the same as setUntagged(). Returns a function that restores the port's previous VLAN, unless the VLAN has been
   * changed again by then. @internal
   */
  lendUntagged(vlan: number, port: number): () => void {
    const before = this.#existing(port).untaggedVlan;
    this.setUntagged(vlan, port);
    return () => {
      if (this.#ports.get(port)?.untaggedVlan !== vlan) return;
      this.setUntagged(before === NO_VLAN || this.#created.has(before) ? before : 0, port);
    };
  }

  /** Makes a port a tagged member of a VLAN. Throws SwitchError EINVAL, ENXIO. */
  addPort(vlan: number, port: number | string): void {
    this.#change(vlan, port, true);
  }

  /** Ends a port's tagged membership. Throws SwitchError EINVAL, ENXIO, or EADDRINUSE for the port's untagged VLAN. */
  removePort(vlan: number, port: number | string): void {
    this.#change(vlan, port, false);
  }

  /** Throws SwitchError EINVAL for a number that no VLAN can have, ENXIO for a VLAN that was not created. @internal */
  check(vlan: number): void {
    checkRange(vlan);
    if (!this.#created.has(vlan)) throw new SwitchError('ENXIO', `there is no VLAN ${vlan}: create it first`);
  }

  #change(vlan: number, which: number | string, member: boolean): void {
    checkRange(vlan);
    const port = this.#ports.number(which);
    this.check(vlan);
    const { vlans, untaggedVlan } = this.#existing(port);
    if (untaggedVlan === vlan) {
      if (member) return;
      throw new SwitchError('EADDRINUSE', `VLAN ${vlan} is the untagged VLAN of port ${port}: set another first`);
    }
    const memberships = new Set(vlans);
    if (member) memberships.add(vlan);
    else memberships.delete(vlan);
    this.#engine.setMember(port, vlan, member); // first, since it can fail for want of memory
    this.#ports.setVlans(port, untaggedVlan, memberships);
    this.#changed(port);
  }

  #changed(port: number): void {
    const info = this.#existing(port);
    this.#watcher.portChanged(port, info);
    const { untaggedVlan, vlans } = info;
    this.#tell({ type: 'port-vlans', port, untaggedVlan, vlans: [...vlans].sort((a, b) => a - b) });
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
