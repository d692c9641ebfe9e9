// One member of an old-style vlan of QEMU: a NIC or a backend, written as `-net …,vlan=N`.
import { parseTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { type NetOption, numberSetting, type Settings, setting, withoutKeys } from './net-option.ts';

export interface Member {
  /** nic, vde, user, tap, socket … */
  kind: string;
  vlan: number;
  /** Whether it must be rewritten: it names its vlan, or is a VDE network. */
  explicit: boolean;
  settings: Settings;
  /** The switch that a VDE network connects to. */
  target?: Target | undefined;
  /** The words as written, `-net`, `nic,…`; empty for a member that we add. */
  words: readonly string[];
}

const VDE_SETTINGS = ['sock', 'port', 'group', 'mode', 'id'];

/** Returns undefined for an option that stays as it is: `-net none`, or a NIC that names its netdev. */
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

/** Returns the target of a `vde,…` option; undefined if it names no switch. */
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
