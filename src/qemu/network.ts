// One vlan of old and its members: the NICs and backends that `-net …,vlan=N` put together.
import { SwitchError } from '../protocol/errors.ts';
import { type NetOption, numberSetting } from './net-option.ts';
import { parseTarget, type Target } from './target.ts';
import type { Argument, Joins } from './wiring.ts';

export interface Member {
  /** nic, vde, user, tap, socket … */
  kind: string;
  vlan: number;
  /** Did it name its vlan, or is it one that this QEMU cannot take as it stands? */
  explicit: boolean;
  settings: Map<string, string>;
  /** Of a VDE network: where it goes. */
  target?: Target | undefined;
  /** As it was written, `-net`, `nic,…`; nothing for what we add. */
  words: readonly string[];
}

export interface Network {
  vlan: number;
  members: Member[];
}

const VDE_SETTINGS = ['sock', 'port', 'group', 'mode', 'id'];

/** A member of a vlan; undefined for what is none (`-net none`, a NIC that names its netdev) and stays as it is. */
export function memberOf(option: NetOption, words: readonly string[]): Member | undefined {
  const { kind } = option;
  const settings = new Map(option.settings);
  if (['none', 'hubport', 'help', '?'].includes(kind) || settings.has('netdev')) return undefined;
  const vlan = numberSetting(option, 'vlan');
  settings.delete('vlan');
  const member = { kind, vlan: vlan ?? 0, explicit: vlan !== undefined || kind === 'vde', settings, words };
  return kind === 'vde' ? { ...member, target: targetOf(option, settings) } : member;
}

function targetOf(option: NetOption, settings: Map<string, string>): Target | undefined {
  const unknown = [...settings.keys()].find((key) => !VDE_SETTINGS.includes(key));
  if (unknown !== undefined)
    throw new SwitchError('EINVAL', `-net vde has no setting '${unknown}': it knows vlan, ${VDE_SETTINGS.join(', ')}`);
  return vdeTarget(option);
}

/** The target of a `vde,…` option; undefined when it names no switch. */
export function vdeTarget(option: NetOption): Target | undefined {
  const sock = option.settings.get('sock');
  if (sock === undefined) return undefined;
  const port = numberSetting(option, 'port');
  const mode = numberSetting(option, 'mode');
  const group = option.settings.get('group');
  return {
    ...parseTarget(sock),
    ...(port === undefined ? {} : { port }),
    ...(mode === undefined ? {} : { mode }),
    ...(group === undefined ? {} : { group }),
  };
}

/** A vlan that this QEMU understands as it was written stays as it was written. */
export function networkArguments(network: Network, joins: Joins): Argument[] {
  const { members } = network;
  if (!members.some(({ explicit }) => explicit)) return members.flatMap(({ words }) => words);
  const nics = members.filter(({ kind }) => kind === 'nic');
  const backends = members.filter(({ kind }) => kind !== 'nic');
  // A VDE network that nothing is plugged into would be of no use: vdeq added a NIC too.
  if (nics.length === 0 && backends.some(({ kind }) => kind === 'vde')) nics.push(newNic(network.vlan));
  if (nics.length === 1 && backends.length <= 1) return wireDirectly(nics[0]!, backends[0], joins);
  if (nics.length === 0 && backends.length === 1) return joins.backend(backends[0]!).words;
  return [
    ...backends.flatMap((member) => plugBackend(member, joins)),
    ...nics.flatMap((member) => plugNic(member, joins)),
  ];
}

function newNic(vlan: number): Member {
  return { kind: 'nic', vlan, explicit: true, settings: new Map(), words: [] };
}

function wireDirectly(nic: Member, member: Member | undefined, joins: Joins): Argument[] {
  if (!member) return joins.nic(nic, undefined);
  const backend = joins.backend(member);
  return [...backend.words, ...joins.nic(nic, backend.id)];
}

function plugBackend(member: Member, joins: Joins): Argument[] {
  const { id, words } = joins.backend(member);
  return [...words, ...joins.hubPort(member.vlan, id).words];
}

function plugNic(member: Member, joins: Joins): Argument[] {
  const hubPort = joins.hubPort(member.vlan, undefined);
  return [...hubPort.words, ...joins.nic(member, hubPort.id)];
}
