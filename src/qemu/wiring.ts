// The pieces that rewritten networks are made of, in today's spelling: backends, hub ports, NICs; their ids, and the
// switch ports that their descriptors are of.

import type { Target } from '../target.ts';
import { type Member, newMember, vdeTarget } from './member.ts';
import { formatNetOption, type NetOption } from './net-option.ts';
import { type BackendWishes, descriptorOption, type QemuFacts, streamOption, vdeOption } from './vde-backend.ts';

/** A word of QEMU's command line, or one that is known once there are descriptors. */
export type Argument = string | ((descriptors: readonly number[]) => string);

/** What the plan depends on, so that the same words give the same plan. */
export interface Facts extends QemuFacts {
  defaultTarget: Target;
  /** Is it a QEMU for s390x, whose virtio NIC is no PCI device? */
  s390x: boolean;
  /** A new address for a NIC that was given none: QEMU would give every guest the same. */
  newMac(): string;
}

/** NICs that any machine can be given as a device. Others are part of a board, and QEMU finds them by `-net nic`. */
const PLUGGABLE = /^(virtio-net-\w+|e1000e?(-\w+)?|rtl8139|ne2k_(pci|isa)|pcnet|i8255\w+|vmxnet3|tulip|igb|usb-net)$/;

export class Wiring {
  readonly targets: Target[] = [];
  /** Sockets that QEMU opens itself. */
  readonly opened: string[] = [];
  readonly notes: string[] = [];
  readonly #facts: Facts;
  readonly #wishes: BackendWishes;
  readonly #ids = new Map<string, number>();

  constructor(facts: Facts, wishes: BackendWishes) {
    this.#facts = facts;
    this.#wishes = wishes;
  }

  backend(member: Member): { id: string; words: Argument[] } {
    const settings = renamed(member.settings, { name: 'id' });
    const id = settings.get('id') ?? this.#newId(member);
    if (member.kind === 'vde') return { id, words: ['-netdev', this.#vdeBackend(id, member.target!)] };
    settings.delete('id');
    return {
      id,
      words: ['-netdev', formatNetOption({ kind: member.kind, settings: new Map([['id', id], ...settings]) })],
    };
  }

  /** A port of the hub that stands for a vlan; with a netdev in it, or for a NIC. */
  hubPort(vlan: number, netdev: string | undefined): { id: string; words: Argument[] } {
    const id = this.#newId({ kind: 'port', vlan });
    // Hub 0 is where QEMU puts each -net that names no netdev.
    const inner = netdev === undefined ? '' : `,netdev=${netdev}`;
    return { id, words: ['-netdev', `hubport,id=${id},hubid=${vlan + 1}${inner}`] };
  }

  nic(member: Member, netdev: string | undefined): Argument[] {
    const { model: given, ...rest } = Object.fromEntries(member.settings);
    const model = given === 'virtio' ? (this.#facts.s390x ? 'virtio-net-ccw' : 'virtio-net-pci') : given;
    const settings = new Map(Object.entries({ macaddr: this.#mac(rest), ...rest }));
    const wired: [string, string][] = netdev === undefined ? [] : [['netdev', netdev]];
    if (model !== undefined && PLUGGABLE.test(model)) {
      const device = renamed(settings, { macaddr: 'mac', name: 'id' });
      return ['-device', formatNetOption({ kind: model, settings: new Map([...wired, ...device]) })];
    }
    // No model: the machine's own, which QEMU knows best. A board's model likewise.
    const onBoard: [string, string][] = model === undefined ? [] : [['model', model]];
    return ['-net', formatNetOption({ kind: 'nic', settings: new Map([...wired, ...onBoard, ...settings]) })];
  }

  /** `-netdev vde,…` or `-nic vde,…` for a QEMU that was built without it. */
  replaceModern(option: 'nic' | 'netdev', parsed: NetOption): Argument[] {
    const settings = new Map(
      [...parsed.settings].filter(([key]) => !['id', 'sock', 'port', 'group', 'mode'].includes(key)),
    );
    const id = parsed.settings.get('id') ?? this.#newId({ kind: 'vde', vlan: 0 });
    const backend = ['-netdev', this.#vdeBackend(id, vdeTarget(parsed) ?? this.#facts.defaultTarget)];
    if (option === 'netdev') return backend;
    return [...backend, ...this.nic(newMember('nic', 0, { settings: renamed(settings, { mac: 'macaddr' }) }), id)];
  }

  #vdeBackend(id: string, target: Target): Argument {
    const { via, mode } = this.#wishes;
    switch (via) {
      case 'vde':
        this.opened.push(`${target.directory}/ctl`);
        return vdeOption(id, { ...(mode === undefined ? {} : { mode }), ...target }, this.#facts);
      case 'stream':
        this.opened.push(target.directory);
        return streamOption(id, target, this.#facts);
      case 'dgram': {
        const index = this.targets.push(target) - 1;
        return (descriptors) => descriptorOption(id, descriptors[index]!, this.#facts);
      }
    }
  }

  #mac(settings: Record<string, string>): string {
    if (settings.macaddr !== undefined) return settings.macaddr;
    const mac = this.#facts.newMac();
    this.notes.push(`a NIC without macaddr= was given ${mac}: QEMU's own choice is the same for every guest`);
    return mac;
  }

  /** `vlan0-vde`, then `vlan0-vde2`: they show in `info network`. */
  #newId({ kind, vlan }: { kind: string; vlan: number }): string {
    const base = `vlan${vlan}-${kind}`;
    const count = (this.#ids.get(base) ?? 0) + 1;
    this.#ids.set(base, count);
    return count === 1 ? base : `${base}${count}`;
  }
}

function renamed(settings: ReadonlyMap<string, string>, names: Record<string, string>): Map<string, string> {
  return new Map([...settings].map(([key, value]) => [names[key] ?? key, value]));
}
