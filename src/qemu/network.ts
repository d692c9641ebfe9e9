// One vlan of old and how its members are put together today: one NIC and one backend are wired to each other, any other
// number meets on a QEMU hub. So does a NIC alone: QEMU puts one that names no netdev on hub 0, with all that stays as it was;
// and vlan 0 where people have hub ports of their own on hub 0, which QEMU takes for the same.
import { type Member, newMember } from './member.ts';
import type { Argument, Wiring } from './wiring.ts';

/** The members of one vlan, at least one. */
export type Network = Member[];

/** A vlan that this QEMU understands as it was written stays as it was written. */
export function networkArguments(members: Readonly<Network>, wiring: Wiring): Argument[] {
  if (!members.some(({ explicit }) => explicit)) return members.flatMap(({ words }) => words);
  const nics = members.filter(({ kind }) => kind === 'nic');
  const backends = members.filter(({ kind }) => kind !== 'nic');
  const { vlan } = members[0]!;
  // A VDE network that nothing is plugged into would be of no use: vdeq added a NIC too.
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
