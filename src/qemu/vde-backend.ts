// Connects a VDE network to QEMU: by the descriptor of a port that we took, by QEMU's own backend `vde`, or by a stream
// socket of the switch. These are pure functions that write the option.
import type { Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { formatNetOption } from './net-option.ts';

export const VIAS = ['vde', 'dgram', 'stream'] as const;
export type Via = (typeof VIAS)[number];

export interface BackendOptions {
  via: Via;
  /** Permissions of QEMU's own socket if a target gives none; default 0o700. */
  mode?: number | undefined;
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
  if (target.port !== undefined)
    throw new SwitchError(
      'EINVAL',
      `'${target.directory}' is a stream socket, which has no port ${target.port} to choose`,
    );
  const settings: [string, string][] = [
    ['id', id],
    ['server', 'off'],
    ['addr.type', 'unix'],
    ['addr.path', target.directory],
  ];
  // `reconnect` exists from 8.0 on and is deprecated from 9.2 on; `reconnect-ms` exists from 9.2 on.
  const [major, minor] = version() ?? [0, 0];
  if (major > 9 || (major === 9 && minor >= 2)) settings.push(['reconnect-ms', String(RECONNECT_MS)]);
  else if (major >= 8) settings.push(['reconnect', String(RECONNECT_MS / 1000)]);
  return formatNetOption({ kind: 'stream', settings });
}
