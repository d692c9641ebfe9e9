// One member of a vlan of old: a NIC or a backend, as `-net …,vlan=N` wrote it.

import { parseTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { type NetOption, numberSetting, type Settings, setting, withoutKeys } from './net-option.ts';

export interface Member {
  /** nic, vde, user, tap, socket … */
  kind: string;
  vlan: number;
  /** Did it name its vlan, or is it one that this QEMU cannot take as it stands? */
  explicit: boolean;
  settings: Settings;
  /** Of a VDE network: where it goes. */
  target?: Target | undefined;
  /** As it was written, `-net`, `nic,…`; nothing for what we add. */
  words: readonly string[];
}

const VDE_SETTINGS = ['sock', 'port', 'group', 'mode', 'id'];

/** Undefined for what is no member (`-net none`, a NIC that names its netdev) and stays as it is. */
export function memberOf(option: NetOption, words: readonly string[]): Member | undefined {
  const { kind } = option;
  if (['none', 'hubport', 'help', '?'].includes(kind) || setting(option.settings, 'netdev')) return undefined;
  const vlan = numberSetting(option, 'vlan');
  const settings = withoutKeys(option.settings, 'vlan');
  const member = { kind, vlan: vlan ?? 0, explicit: vlan !== undefined || kind === 'vde', settings, words };
  return kind === 'vde' ? { ...member, target: oldTarget(option, settings) } : member;
}

export function newMember(kind: string, vlan: number, more: Partial<Member> = {}): Member {
  return { kind, vlan, explicit: true, settings: [], words: [], ...more };
}

/** The target of a `vde,…` option; undefined when it names no switch. */
export function vdeTarget(option: NetOption): Target | undefined {
  const sock = setting(option.settings, 'sock');
  if (sock === undefined) return undefined;
  const port = numberSetting(option, 'port');
  const mode = numberSetting(option, 'mode');
  const group = setting(option.settings, 'group');
  return {
    ...parseTarget(sock),
    ...(port === undefined ? {} : { port }),
    ...(mode === undefined ? {} : { mode }),
    ...(group === undefined ? {} : { group }),
  };
}

function oldTarget(option: NetOption, settings: Settings): Target | undefined {
  const unknown = withoutKeys(settings, ...VDE_SETTINGS)[0];
  if (unknown)
    throw new SwitchError(
      'EINVAL',
      `-net vde has no setting '${unknown[0]}': it knows vlan, ${VDE_SETTINGS.join(', ')}`,
    );
  return vdeTarget(option);
}
