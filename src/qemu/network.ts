// Rewrites one old-style vlan for today's QEMU. One NIC and one backend are wired directly; any other set of members
// meets on a QEMU hub. That includes a NIC without a backend, which QEMU would otherwise put on hub 0, with all options
// that stay as they are. Vlan 0 is hub 0 if the user has hub ports there, as QEMU sees it.
import { type Member, newMember } from './member.ts';
import type { Argument, Wiring } from './wiring.ts';

/** The members of one vlan: at least one. */
export type Network = Member[];

/** Leaves a vlan as it was written if this QEMU understands it. */
export function networkArguments(members: Readonly<Network>, wiring: Wiring): Argument[] {
  if (!members.some(({ explicit }) => explicit)) return members.flatMap(({ words }) => words);
  const nics = members.filter(({ kind }) => kind === 'nic');
  const backends = members.filter(({ kind }) => kind !== 'nic');
  const { vlan } = members[0]!;
  // A VDE network without a NIC is useless; vdeq added one too.
  const needsNic = nics.length === 0 && !wiring.hasNic(vlan) && backends.some(({ kind }) => kind === 'vde');
  if (needsNic) nics.push(newMember('nic', vlan));
  if (backends.length === 1 && !wiring.hasHub(vlan)) {
    if (nics.length === 1) return wireDirectly(nics[0]!, backends[0]!, wiring);
    if (nics.length === 0) return wiring.backend(backends[0]!).words;
  }
  return [
    ...backends.flatMap((member) => plugBackend(member, wiring)),
    ...nics.flatMap((member) => plugNic(member, wiring)),
  ];
}

function wireDirectly(nic: Member, member: Member, wiring: Wiring): Argument[] {
  const backend = wiring.backend(member);
  return [...backend.words, ...wiring.nic(nic, backend.id)];
}

function plugBackend(member: Member, wiring: Wiring): Argument[] {
  const { id, words } = wiring.backend(member);
  return [...words, ...wiring.hubPort(member.vlan, id).words];
}

function plugNic(member: Member, wiring: Wiring): Argument[] {
  const hubPort = wiring.hubPort(member.vlan, undefined);
  return [...hubPort.words, ...wiring.nic(member, hubPort.id)];
}
