// Rewrites one old-style vlan for today's QEMU. One backend with at most one NIC is usually connected directly; other
// sets of members are connected through a QEMU hub. A NIC without a backend also gets a hub: QEMU would otherwise put
// it on hub 0, together with all options that are not rewritten. As in QEMU, vlan 0 is hub 0 if the user has ports on
// hub 0.
import { type Member, newMember } from './member.ts';
import { isOn, setting } from './net-option.ts';
import type { Argument, Wiring } from './wiring.ts';

/** The members of one vlan; there is at least one. */
export type Network = Member[];

/**
 * Returns the arguments for a vlan. If today's QEMU understands the vlan as it was written, the arguments are not
 * changed.
 */
export function networkArguments(members: Readonly<Network>, wiring: Wiring): Argument[] {
  if (!members.some(({ explicit }) => explicit)) return members.flatMap(({ words }) => words);
  const nics = members.filter(({ kind }) => kind === 'nic');
  const dumps = members.filter(({ kind }) => kind === 'dump');
  const backends = members.filter(({ kind }) => kind !== 'nic' && kind !== 'dump');
  const { vlan } = members[0]!;
  // A VDE network without a NIC is useless, and vdeq added a NIC too.
  const needsNic = nics.length === 0 && !wiring.hasNic(vlan) && backends.some(({ kind }) => kind === 'vde');
  if (needsNic) nics.push(newMember('nic', vlan));
  // vhost moves frames in the kernel, where a capture cannot see them, so QEMU refuses vhost and a capture on one
  // netdev. A hub gives each a netdev of its own.
  const captureNeedsHub = dumps.length > 0 && nics.length > 0 && backends.some(usesVhost);
  const direct = backends.length === 1 && nics.length <= 1 && !wiring.hasHub(vlan) && !captureNeedsHub;
  if (!direct || dumps.length > 0) for (const backend of backends) wiring.refuseVhostUser(backend);
  const { netdev, words } = direct ? wireDirectly(backends[0]!, nics, wiring) : wireByHub(vlan, backends, nics, wiring);
  return [...words, ...dumps.flatMap((dump) => wiring.capture(dump, netdev))];
}

function usesVhost({ settings }: Member): boolean {
  return isOn(setting(settings, 'vhost'));
}

/** The arguments of a network, and a netdev that all its frames pass, to which a capture can be attached. */
interface Wired {
  netdev: string;
  words: Argument[];
}

function wireDirectly(member: Member, nics: readonly Member[], wiring: Wiring): Wired {
  const { id, words } = wiring.backend(member);
  return { netdev: id, words: [...words, ...nics.flatMap((nic) => wiring.nic(nic, id))] };
}

/**
 * Connects members by a hub. A hub passes each frame to all of its ports, so a capture may use any of them. This
 * function chooses the last port, which is a NIC's if there is a NIC.
 */
function wireByHub(vlan: number, backends: readonly Member[], nics: readonly Member[], wiring: Wiring): Wired {
  const plugged: Wired[] = [];
  for (const member of backends) {
    const { id, words } = wiring.backend(member);
    plugged.push({ netdev: id, words: [...words, ...wiring.hubPort(vlan, id).words] });
  }
  for (const nic of nics) {
    const { id, words } = wiring.hubPort(vlan, undefined);
    plugged.push({ netdev: id, words: [...words, ...wiring.nic(nic, id)] });
  }
  if (plugged.length === 0) {
    const { id, words } = wiring.hubPort(vlan, undefined);
    return { netdev: id, words };
  }
  return { netdev: plugged.at(-1)!.netdev, words: plugged.flatMap(({ words }) => words) };
}
