// How a VDE network reaches QEMU: by the descriptor of a port that we took, by QEMU's own backend `vde`, or by a stream
// socket of the switch. Pure functions that write the option.
import type { Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { formatNetOption } from './net-option.ts';

export const VIAS = ['vde', 'dgram', 'stream'] as const;
export type Via = (typeof VIAS)[number];

export interface BackendOptions {
  via: Via;
  /** Permissions of QEMU's own socket if a target gives none; default 0700. */
  mode?: number | undefined;
}

/** What this QEMU supports. */
export interface QemuFacts {
  /** The backends that `QEMU -netdev help` lists. */
  backends: ReadonlySet<string>;
  /** Returns `[7, 2]`, or undefined if QEMU does not print it. Called only if it matters. */
  version(): readonly [major: number, minor: number] | undefined;
}

const RECONNECT_MS = 1000;

/** Uses the older backend `socket` where there is no `dgram`; both take a datagram socket's descriptor. */
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

/** `target.directory` is the path of the stream socket. */
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
  // Before 9.2, `reconnect-ms` is an error; before 8.0, `reconnect` is. From 9.2, `reconnect` is deprecated.
  const [major, minor] = version() ?? [0, 0];
  if (major > 9 || (major === 9 && minor >= 2)) settings.push(['reconnect-ms', String(RECONNECT_MS)]);
  else if (major >= 8) settings.push(['reconnect', String(RECONNECT_MS / 1000)]);
  return formatNetOption({ kind: 'stream', settings });
}
