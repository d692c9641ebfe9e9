// A member of one of QEMU's old-style vlans: a NIC, a backend or a capture. It is written as `-net …,vlan=N` or, for a
// NIC, also as `-device …,vlan=N` or `-usbdevice net:vlan=N`.
import { parseTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import type { NetworkWords } from './command-line.ts';
import { type NetOption, numberSetting, type Settings, setting, withoutKeys } from './net-option.ts';

export interface Member {
  /** The kind of member: nic, vde, user, tap, socket, dump … */
  kind: string;
  vlan: number;
  /**
   * Whether the vlan must be rewritten because of this member. This is necessary if today's QEMU does not accept the
   * member as written, or if the member leads to other guests, so that the vlan's NICs need unique addresses.
   */
  explicit: boolean;
  settings: Settings;
  /** The switch that a VDE network connects to. */
  target?: Target | undefined;
  /** The driver of a NIC that is written as -device or -usbdevice. */
  device?: { driver: string; usb: boolean } | undefined;
  /** The words as written, such as `-net`, `nic,…`; empty for a member that we add. */
  words: readonly string[];
}

const VDE_SETTINGS = ['sock', 'port', 'group', 'mode', 'id', 'name'];

/**
 * The kinds of member that lead to no other guests. If a vlan has only such members, its NICs need no unique addresses.
 */
const PRIVATE_KINDS = ['nic', 'user'];

/**
 * Returns the vlan member that an option defines; undefined for an option that belongs to no vlan, see `withoutVlan`.
 */
export function memberOf({ option, parsed, words }: NetworkWords): Member | undefined {
  const device =
    option === 'device' || option === 'usbdevice' ? { driver: parsed.kind, usb: option === 'usbdevice' } : undefined;
  const kind = device ? 'nic' : parsed.kind;
  if (['none', 'hubport', 'help', '?'].includes(kind) || setting(parsed.settings, 'netdev') !== undefined)
    return undefined;
  const vlan = numberSetting(parsed, 'vlan');
  const settings = withoutKeys(parsed.settings, 'vlan');
  const old = vlan !== undefined || setting(settings, 'name') !== undefined || device?.usb === true;
  const explicit = old || !PRIVATE_KINDS.includes(kind);
  return { kind, vlan: vlan ?? 0, explicit, settings, words, ...(device ? { device } : {}) };
}

export function newMember(kind: string, vlan: number, more: Partial<Member> = {}): Member {
  return { kind, vlan, explicit: true, settings: [], words: [], ...more };
}

/** Returns the switch and port that a `vde,…` option names; undefined if it names no switch. */
export function vdeTarget(option: Pick<NetOption, 'settings'>): Target | undefined {
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

/** Calls `report` with a message for each setting that `-net vde` never had. */
export function checkVdeSettings(settings: Settings, report: (message: string) => void): void {
  for (const [key] of withoutKeys(settings, ...VDE_SETTINGS))
    report(`-net vde has no setting '${key}': it knows vlan, ${VDE_SETTINGS.join(', ')}`);
}

export function refuseSetting(message: string): never {
  throw new SwitchError('EINVAL', message);
}
