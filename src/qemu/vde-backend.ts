// How a VDE network reaches QEMU: by the descriptor of a port that we joined, by QEMU's own vde, or by a stream socket of
// the switch. Pure; what QEMU opens itself is named, to be tried before QEMU is.

import type { Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { formatNetOption } from './net-option.ts';

export const VIAS = ['vde', 'dgram', 'stream'] as const;
export type Via = (typeof VIAS)[number];

export interface BackendWishes {
  via: Via;
  /** Rights of QEMU's own socket where a target says nothing; default 0700. */
  mode?: number | undefined;
}

/** What of QEMU decides it. */
export interface QemuFacts {
  /** What `QEMU -netdev help` lists. */
  backends: ReadonlySet<string>;
  /** `[7, 2]`; undefined where it does not say. Asked only where it matters. */
  version(): readonly [major: number, minor: number] | undefined;
}

const RECONNECT_MS = 1000;

/** The same descriptor has an older name; both take a datagram socket. */
export function descriptorOption(id: string, fd: number, { backends }: QemuFacts): string {
  return backends.has('dgram') ? `dgram,id=${id},local.type=fd,local.str=${fd}` : `socket,id=${id},fd=${fd}`;
}

export function vdeOption(id: string, target: Target, { backends }: QemuFacts): string {
  if (!backends.has('vde'))
    throw new SwitchError(
      'ENOSYS',
      "this QEMU was built without its backend 'vde': leave --via away, or use --via dgram",
    );
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

/** `target.directory` is then the stream socket's path. */
export function streamOption(id: string, target: Target, { backends, version }: QemuFacts): string {
  if (!backends.has('stream'))
    throw new SwitchError('ENOSYS', "this QEMU has no backend 'stream', as 7.2 and newer have: leave --via away");
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
  // Each spelling is an error to the versions before it, and the older one is on its way out.
  const [major, minor] = version() ?? [0, 0];
  if (major > 9 || (major === 9 && minor >= 2)) settings.push(['reconnect-ms', String(RECONNECT_MS)]);
  else if (major >= 8) settings.push(['reconnect', String(RECONNECT_MS / 1000)]);
  return formatNetOption({ kind: 'stream', settings });
}
