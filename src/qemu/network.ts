// Rewrites one old-style vlan for today's QEMU. One NIC and one backend are wired directly; any other set of members
// meets on a QEMU hub. That includes a NIC without a backend, which QEMU would otherwise put on hub 0, with all options
// that stay as they are. Vlan 0 is hub 0 if the user has hub ports there, as QEMU sees it.
import { type Member, newMember } from './member.ts';
import { setting } from './net-option.ts';
import type { Argument, Wiring } from './wiring.ts';

/** The members of one vlan: at least one. */
export type Network = Member[];

/** Leaves a vlan as it was written if this QEMU understands it. */
export function networkArguments(members: Readonly<Network>, wiring: Wiring): Argument[] {
  if (!members.some(({ explicit }) => explicit)) return members.flatMap(({ words }) => words);
  const nics = members.filter(({ kind }) => kind === 'nic');
  const dumps = members.filter(({ kind }) => kind === 'dump');
  const backends = members.filter(({ kind }) => kind !== 'nic' && kind !== 'dump');
  const { vlan } = members[0]!;
  // A VDE network without a NIC is useless; vdeq added one too.
  const needsNic = nics.length === 0 && !wiring.hasNic(vlan) && backends.some(({ kind }) => kind === 'vde');
  if (needsNic) nics.push(newMember('nic', vlan));
  // vhost moves frames in the kernel, past a capture, which QEMU refuses: a hub keeps them apart.
  const captureNeedsHub = dumps.length > 0 && nics.length > 0 && backends.some(usesVhost);
  const { netdev, words } =
    backends.length === 1 && nics.length <= 1 && !wiring.hasHub(vlan) && !captureNeedsHub
      ? wireDirectly(backends[0]!, nics, wiring)
      : wireByHub(vlan, backends, nics, wiring);
  return [...words, ...dumps.flatMap((dump) => wiring.capture(dump, netdev))];
}

function usesVhost({ settings }: Member): boolean {
  return ['on', 'yes', 'true', 'y'].includes(setting(settings, 'vhost') ?? '');
}

/** A network's words, and a netdev that every frame of the network passes, which a capture is attached to. */
interface Wired {
  netdev: string;
  words: Argument[];
}

function wireDirectly(member: Member, nics: readonly Member[], wiring: Wiring): Wired {
  const { id, words } = wiring.backend(member);
  return { netdev: id, words: [...words, ...nics.flatMap((nic) => wiring.nic(nic, id))] };
}

/** A hub gives each frame to all of its ports, so that any of them will do for a capture: the last one, of a NIC if any. */
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
