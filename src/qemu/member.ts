// One member of an old-style vlan of QEMU: a NIC, a backend or a capture, written as `-net …,vlan=N` or, for a NIC, as
// `-device …,vlan=N` or `-usbdevice net:vlan=N`.
import { parseTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import type { NetworkWords } from './command-line.ts';
import { type NetOption, numberSetting, type Settings, setting, withoutKeys } from './net-option.ts';

export interface Member {
  /** nic, vde, user, tap, socket, dump … */
  kind: string;
  vlan: number;
  /** Whether today's QEMU needs it rewritten, or its NIC needs an address of its own. */
  explicit: boolean;
  settings: Settings;
  /** The switch that a VDE network connects to. */
  target?: Target | undefined;
  /** For a NIC that is written as -device or -usbdevice. */
  device?: { driver: string; usb: boolean } | undefined;
  /** The words as written, `-net`, `nic,…`; empty for a member that we add. */
  words: readonly string[];
}

const VDE_SETTINGS = ['sock', 'port', 'group', 'mode', 'id', 'name'];

/** Networks of which QEMU's own choice of an address is good enough: nobody else is on them. */
const PRIVATE_KINDS = ['nic', 'user'];

/** Returns undefined for an option that belongs to no vlan: see `withoutVlan`. */
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

/** Returns the target of a `vde,…` option; undefined if it names no switch. */
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

/** Passes a message for each setting that `-net vde` never had to `report`. */
export function checkVdeSettings(settings: Settings, report: (message: string) => void): void {
  for (const [key] of withoutKeys(settings, 'vlan', ...VDE_SETTINGS))
    report(`-net vde has no setting '${key}': it knows vlan, ${VDE_SETTINGS.join(', ')}`);
}

export function refuseSetting(message: string): never {
  throw new SwitchError('EINVAL', message);
}
