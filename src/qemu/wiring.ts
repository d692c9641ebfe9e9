// Writes the parts of rewritten networks in today's syntax: backends, hub ports, NICs and captures. Assigns their IDs,
// and collects the switch ports whose descriptors the backends need.
import type { Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { type Member, newMember, vdeTarget } from './member.ts';
import { formatNetOption, type NetOption, renameKeys, type Settings, setting, withoutKeys } from './net-option.ts';
import {
  type BackendOptions,
  descriptorOption,
  type QemuFacts,
  refusePort,
  streamOption,
  vdeOption,
  vhostUserWords,
} from './vde-backend.ts';
import { checkVhostDriver, type VhostNicOptions, vhostModel, vhostNicSettings } from './vhost-nic.ts';

/** A word of QEMU's command line, or a function that makes it from the descriptors. */
export type Argument = string | ((descriptors: readonly number[]) => string);

/**
 * The facts that a plan depends on, besides QEMU's arguments and the PlanOptions: the same arguments, options and facts
 * always give the same plan.
 */
export interface Facts extends QemuFacts {
  defaultTarget: Target;
  /**
   * Returns an address for a NIC that was given none; `nic` is the number of the NIC, from 0. QEMU's own choice would
   * be the same for every guest.
   */
  newMac(nic: number): string;
  /** Called for each address on the command line, before newMac(), which must not return any of them. */
  useMac?(mac: string): void;
  /** Returns the text of a file of -readconfig. Throws SwitchError. */
  readFile(path: string): string;
  isDirectory(path: string): boolean;
}

/** Matches IDs that QEMU has accepted since 0.13. Before that, `name=` could be any text. */
const WELL_FORMED_ID = /^[a-z][\w.-]*$/i;

/**
 * Settings that belong to NICs. QEMU before 0.10 ignored these settings on backends, and there are command lines that
 * have them there.
 */
const NIC_SETTINGS: readonly string[] = ['macaddr', 'model'];

export interface WiringOptions extends BackendOptions {
  vhostNics: VhostNicOptions;
  /** The IDs of the user's own -chardev options. */
  chardevIds: readonly string[];
}

export class Wiring {
  readonly targets: Target[] = [];
  /** All switches of the plan, however QEMU is connected to them. */
  readonly joined: Target[] = [];
  /** Sockets that QEMU itself opens. */
  readonly opened: string[] = [];
  readonly notes: string[] = [];
  readonly #facts: Facts;
  readonly #options: WiringOptions;
  /** The IDs of the backends that are connected by vhost-user. */
  readonly #vhostUsers = new Set<string>();
  readonly #ids: Set<string>;
  /** The user's IDs that have been assigned to a rewritten option. */
  readonly #usedIds = new Set<string>();
  readonly #takenHubs: Set<number>;
  /** Hub numbers, by vlan. */
  readonly #hubs = new Map<number, number>();
  /** The hub ports that the user defined on hub 0. */
  readonly #onHub0: readonly NetOption[];
  #nics = 0;

  /** `given` are the user's own options, whose IDs and hub numbers must not be used again. */
  constructor(facts: Facts, options: WiringOptions, given: readonly NetOption[]) {
    this.#facts = facts;
    this.#options = options;
    this.#ids = new Set(valuesOf(given, 'id', 'name'));
    // QEMU puts every -net option without a netdev on hub 0.
    this.#takenHubs = new Set([0, ...valuesOf(given, 'hubid').map(Number)]);
    this.#onHub0 = given.filter(({ kind, settings }) => kind === 'hubport' && Number(setting(settings, 'hubid')) === 0);
    if (this.#onHub0.length > 0) this.#hubs.set(0, 0);
  }

  /** Whether a network is connected by vhost-user. */
  get usesVhostUser(): boolean {
    return this.#vhostUsers.size > 0;
  }

  /** Throws SwitchError EINVAL if the member would be connected by vhost-user. */
  refuseVhostUser({ kind, vlan }: Member): void {
    if (kind === 'vde' && this.#options.via === 'vhost-user')
      throw new SwitchError(
        'EINVAL',
        `vhost-user connects a switch to a single NIC, and vlan ${vlan} has other members`,
      );
  }

  /** Returns whether the user's own hub ports already form the hub of this vlan. */
  hasHub(vlan: number): boolean {
    return vlan === 0 && this.#onHub0.length > 0;
  }

  /** Returns whether one of the user's own hub ports on this vlan is a NIC's. */
  hasNic(vlan: number): boolean {
    return vlan === 0 && this.#onHub0.some(({ settings }) => setting(settings, 'netdev') === undefined);
  }

  backend(member: Member): { id: string; words: Argument[] } {
    const id = this.#givenId(member.settings) ?? this.#newId(member);
    if (member.kind === 'vde') return { id, words: this.#vdeBackend(id, member.target!) };
    const lost = member.settings.filter(([key]) => NIC_SETTINGS.includes(key));
    for (const [key] of lost)
      this.notes.push(`${key}= is left out of '-net ${member.kind}': it is a setting of '-net nic'`);
    const settings: Settings = [['id', id], ...withoutKeys(member.settings, 'id', 'name', ...NIC_SETTINGS)];
    return { id, words: ['-netdev', formatNetOption({ kind: member.kind, settings })] };
  }

  /** Adds a port to the hub that replaces a vlan. The port is for `netdev` or, if that is undefined, for a NIC. */
  hubPort(vlan: number, netdev: string | undefined): { id: string; words: Argument[] } {
    const id = this.#newId({ kind: 'port', vlan });
    const inner = netdev === undefined ? '' : `,netdev=${netdev}`;
    return { id, words: ['-netdev', `hubport,id=${id},hubid=${this.#hubOf(vlan)}${inner}`] };
  }

  /**
   * Writes a NIC. A NIC that was written as -device or -usbdevice becomes a -device. Any other NIC becomes `-net nic`,
   * which has settings and models of its own, and for which QEMU chooses the place on the bus.
   */
  nic(member: Member, netdev: string): Argument[] {
    const number = this.#nics++;
    if (member.device) return this.#deviceNic(member, member.device, netdev, number);
    const id = this.#givenId(member.settings);
    const given = member.settings.flatMap(([key, value]): Settings => {
      if (key !== 'id' && key !== 'name') return [[key, value]];
      return value === id ? [['id', value]] : []; // QEMU before 5.1 had `name` instead of `id`
    });
    const mac: Settings = setting(given, 'macaddr') === undefined ? [['macaddr', this.#newMac(number)]] : [];
    const settings: Settings = [['netdev', netdev], ...given, ...mac];
    const written = this.#vhostUsers.has(netdev) ? this.#withVhostModel(settings) : settings;
    return ['-net', formatNetOption({ kind: 'nic', settings: written })];
  }

  #deviceNic(member: Member, { driver, usb }: { driver: string; usb: boolean }, netdev: string, number: number) {
    // -usbdevice accepted the settings of `-net nic`.
    const given = usb
      ? renameKeys(withoutKeys(member.settings, 'model', 'addr', 'vectors'), { name: 'id', macaddr: 'mac' })
      : member.settings;
    const mac: Settings = setting(given, 'mac') === undefined ? [['mac', this.#newMac(number)]] : [];
    const settings: Settings = [['netdev', netdev], ...given, ...mac];
    if (this.#vhostUsers.has(netdev)) checkVhostDriver(driver);
    const written = this.#vhostUsers.has(netdev) ? this.#forVhostUser(driver, settings) : settings;
    return [...(usb ? ['-usb'] : []), '-device', formatNetOption({ kind: driver, settings: written })];
  }

  #withVhostModel(settings: Settings): Settings {
    const model = setting(settings, 'model');
    const chosen = vhostModel(model, this.#options.vhostNics);
    if (model !== undefined) return this.#forVhostUser(chosen, settings);
    this.notes.push('a NIC without model= is now a virtio-net device, which vhost-user needs');
    return this.#forVhostUser(chosen, [...settings, ['model', chosen]]);
  }

  #forVhostUser(driver: string, settings: Settings): Settings {
    const written = vhostNicSettings(driver, settings, this.#options.vhostNics);
    const given = setting(settings, 'vectors');
    if (given !== undefined && given !== setting(written, 'vectors'))
      this.notes.push(`vectors=${given} is now vectors=0: with vhost-user, QEMU 7.2 crashes otherwise`);
    return written;
  }

  /** Writes the replacement of `-net dump`: a capture of the network that `netdev` belongs to. */
  capture({ vlan, settings }: Member, netdev: string): Argument[] {
    const file = setting(settings, 'file') ?? `qemu-vlan${vlan}.pcap`;
    const length = setting(settings, 'len');
    const own: Settings = [
      ['id', this.#newId({ kind: 'dump', vlan })],
      ['netdev', netdev],
      ['file', file],
      ...(length === undefined ? [] : [['maxlen', String(captureLength(length))] as const]),
    ];
    return ['-object', formatNetOption({ kind: 'filter-dump', settings: own })];
  }

  /** Rewrites `-netdev vde,…` or `-nic vde,…` for a QEMU that was built without that backend. */
  replaceModern(option: 'nic' | 'netdev', parsed: NetOption): Argument[] {
    const settings = withoutKeys(parsed.settings, 'id', 'sock', 'port', 'group', 'mode');
    const id = setting(parsed.settings, 'id') ?? this.#newId({ kind: 'vde', vlan: 0 });
    if (option === 'netdev' && this.#options.via === 'vhost-user')
      throw new SwitchError('EINVAL', `'-netdev vde,id=${id}' cannot be connected by vhost-user: write -nic vde`);
    const backend = this.#vdeBackend(id, vdeTarget(parsed) ?? this.#facts.defaultTarget);
    if (option === 'netdev') return backend;
    return [...backend, ...this.nic(newMember('nic', 0, { settings: renameKeys(settings, { mac: 'macaddr' }) }), id)];
  }

  #vdeBackend(id: string, target: Target): Argument[] {
    const { via, mode } = this.#options;
    this.joined.push(target);
    switch (via) {
      case 'vde':
        this.opened.push(`${target.directory}/ctl`);
        return ['-netdev', vdeOption(id, { ...(mode === undefined ? {} : { mode }), ...target }, this.#facts)];
      case 'stream':
        this.opened.push(target.directory);
        return ['-netdev', streamOption(id, target, this.#facts)];
      case 'vhost-user': {
        refusePort(target, 'to be joined by vhost-user');
        const path = this.#options.vhostSocket(target);
        this.opened.push(path);
        this.#vhostUsers.add(id);
        return vhostUserWords({ id, chardev: this.#chardevId(id), path }, this.#facts);
      }
      case 'dgram': {
        const index = this.targets.push(target) - 1;
        return ['-netdev', (descriptors) => descriptorOption(id, descriptors[index]!, this.#facts)];
      }
    }
  }

  #hubOf(vlan: number): number {
    const known = this.#hubs.get(vlan);
    if (known !== undefined) return known;
    let hub = 1;
    while (this.#takenHubs.has(hub)) hub++;
    this.#takenHubs.add(hub);
    this.#hubs.set(vlan, hub);
    return hub;
  }

  #newMac(number: number): string {
    const mac = this.#facts.newMac(number);
    this.notes.push(`a NIC without macaddr= was given ${mac}: QEMU's own choice is the same for every guest`);
    return mac;
  }

  /** Returns the ID that the user gave by `id=` or `name=`; undefined if there is none, or if QEMU would refuse it. */
  #givenId(settings: Settings): string | undefined {
    const id = setting(settings, 'id') ?? setting(settings, 'name');
    if (id === undefined || !WELL_FORMED_ID.test(id) || this.#usedIds.has(id)) return undefined;
    this.#usedIds.add(id);
    return id;
  }

  /** Returns an ID for the socket of a backend, `vlan0-vde-socket`, that no -chardev of the user has. */
  #chardevId(backend: string): string {
    let id = `${backend}-socket`;
    for (let count = 2; this.#options.chardevIds.includes(id); count++) id = `${backend}-socket${count}`;
    return id;
  }

  /** Returns a new ID, `vlan0-vde`, then `vlan0-vde2` and so on. `info network` shows these IDs. */
  #newId({ kind, vlan }: { kind: string; vlan: number }): string {
    const base = `vlan${vlan}-${kind}`;
    let id = base;
    for (let count = 2; this.#ids.has(id); count++) id = `${base}${count}`;
    this.#ids.add(id);
    return id;
  }
}

function valuesOf(options: readonly NetOption[], ...keys: string[]): string[] {
  return options.flatMap(({ settings }) => settings.filter(([key]) => keys.includes(key)).map(([, value]) => value));
}

/**
 * Returns the most bytes that a capture keeps of each frame. QEMU's size suffixes are accepted; filter-dump needs at
 * least 1.
 */
function captureLength(text: string): number {
  const [, digits, suffix = ''] = /^(\d+)([bkmg]?)$/i.exec(text) ?? [];
  if (digits === undefined) throw new SwitchError('EINVAL', `len=${text} is not a size`);
  const bytes = Number(digits) * 1024 ** Math.max(0, 'bkmg'.indexOf(suffix.toLowerCase() || 'b'));
  return Math.min(Math.max(bytes, 1), 0xffff_ffff);
}
