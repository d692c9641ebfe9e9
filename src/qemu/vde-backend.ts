// Connects a VDE network to QEMU: by the descriptor of a port that we took, by QEMU's own backend `vde`, or by a stream
// socket or vhost-user socket of the switch. These are pure functions that write the options.
import type { Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { formatNetOption, type Settings } from './net-option.ts';

const BACKENDS = ['vde', 'dgram', 'stream', 'vhost-user'] as const;
export const VIAS = [...BACKENDS, 'auto'] as const;
export type Via = (typeof VIAS)[number];

export interface BackendOptions {
  via: (typeof BACKENDS)[number];
  /** Permissions of QEMU's own socket if a target gives none; default 0o700. */
  mode?: number | undefined;
  /** Returns the path of a switch's vhost-user socket. Throws SwitchError if it is not known. */
  vhostSocket(target: Target): string;
}

/** The features of this QEMU. */
export interface QemuFacts {
  /** The backends that `QEMU -netdev help` lists. */
  backends: ReadonlySet<string>;
  /** Returns QEMU's version, such as `[7, 2]`, or undefined if QEMU does not print it. Called only if it matters. */
  version(): readonly [major: number, minor: number] | undefined;
}

const RECONNECT_MS = 1000;

/**
 * Returns the option for a datagram socket's descriptor. If QEMU has no backend `dgram`, the older `socket` is used.
 */
export function descriptorOption(id: string, fd: number, { backends }: QemuFacts): string {
  return backends.has('dgram') ? `dgram,id=${id},local.type=fd,local.str=${fd}` : `socket,id=${id},fd=${fd}`;
}

export function vdeOption(id: string, target: Target, { backends }: QemuFacts): string {
  if (!backends.has('vde'))
    throw new SwitchError('ENOSYS', "this QEMU was built without its backend 'vde': remove --via, or use --via dgram");
  const { directory, port, group, mode } = target;
  const settings: [string, string][] = [
    ['id', id],
    ['sock', directory],
  ];
  if (port !== undefined) settings.push(['port', String(port)]);
  if (group !== undefined) settings.push(['group', group]);
  if (mode !== undefined) settings.push(['mode', `0${mode.toString(8)}`]);
  return formatNetOption({ kind: 'vde', settings });
}

/** Returns the option for a stream socket, whose path is `target.directory`. */
export function streamOption(id: string, target: Target, { backends, version }: QemuFacts): string {
  if (!backends.has('stream'))
    throw new SwitchError('ENOSYS', "this QEMU has no backend 'stream', which 7.2 and newer have: remove --via");
  refusePort(target, 'a stream socket');
  const settings: [string, string][] = [
    ['id', id],
    ['server', 'off'],
    ['addr.type', 'unix'],
    ['addr.path', target.directory],
  ];
  // `reconnect` exists from 8.0 on for this backend.
  const [major] = version() ?? [0];
  return formatNetOption({ kind: 'stream', settings: [...settings, ...(major >= 8 ? reconnect(version()) : [])] });
}

/** Returns the words for a vhost-user socket. QEMU reconnects by itself after the switch has restarted. */
export function vhostUserWords(
  { id, chardev, path }: { id: string; chardev: string; path: string },
  { backends, version }: QemuFacts,
): string[] {
  if (!backends.has('vhost-user'))
    throw new SwitchError('ENOSYS', "this QEMU was built without its backend 'vhost-user': remove --via");
  const socket: Settings = [['id', chardev], ['path', path], ...reconnect(version())];
  const netdev: Settings = [
    ['id', id],
    ['chardev', chardev],
  ];
  return [
    ...['-chardev', formatNetOption({ kind: 'socket', settings: socket })],
    ...['-netdev', formatNetOption({ kind: 'vhost-user', settings: netdev })],
  ];
}

/** Returns the setting for reconnection. `reconnect` is deprecated from 9.2 on; `reconnect-ms` exists from 9.2 on. */
function reconnect([major, minor]: readonly [number, number] = [0, 0]): Settings {
  const inMilliseconds = major > 9 || (major === 9 && minor >= 2);
  return [inMilliseconds ? ['reconnect-ms', String(RECONNECT_MS)] : ['reconnect', String(RECONNECT_MS / 1000)]];
}

/** Throws SwitchError EINVAL if the target names a port. `what` says what the target is, such as `a stream socket`. */
export function refusePort({ directory, port }: Target, what: string): void {
  if (port !== undefined)
    throw new SwitchError('EINVAL', `'${directory}' is ${what}, which has no port ${port} to choose`);
}
