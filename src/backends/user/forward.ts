// Parses and formats the rules of hostfwd and guestfwd, in QEMU's syntax.
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../protocol/ip.ts';
import { PATH_MAX } from '../../protocol/request.ts';
import type { ValueType } from '../keys.ts';

/** An Internet address and port at one end of a forward. */
export interface InetPlace {
  /**
   * The address in canonical form. At the host's end, undefined means any address; at the guest's end, no particular
   * guest.
   */
  address: string | undefined;
  /** The port. At the host's end, 0 asks for any free port. */
  port: number;
}

export type HostPlace = { protocol: 'tcp' | 'udp'; place: InetPlace } | { protocol: 'tcp'; path: string };

export interface HostForward {
  host: HostPlace;
  guest: InetPlace;
}

export type GuestTarget =
  | { kind: 'cmd'; command: string }
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'unix'; path: string };

export interface GuestForward {
  /** The address that guests connect to; undefined for libslirp's default, the network's .4. */
  address: number | undefined;
  port: number;
  target: GuestTarget;
}

/** A guest forward whose address has been decided. */
export type PlacedForward = GuestForward & { address: number };

export const hostForward: ValueType<HostForward> = {
  what: '[tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT or unix:/PATH-[ADDRESS]:PORT, an IPv6 address in brackets',
  parse(text) {
    const [, before, guest] = /^(.*)-([^-]*)$/s.exec(text) ?? [];
    const host = before === undefined ? undefined : parseHostPlace(before);
    const place = guest === undefined ? undefined : parsePlace(guest);
    return host && place ? { host, guest: place } : undefined;
  },
};

/** The value type of a rule's host end. Accepts a whole rule, or only the half before its `-`. */
export const hostPlace: ValueType<HostPlace> = {
  what: '[tcp|udp]:[ADDRESS]:PORT or unix:/PATH',
  parse: (text) => hostForward.parse(text)?.host ?? parseHostPlace(text),
};

export const guestForward: ValueType<GuestForward> = {
  what: 'tcp:[ADDRESS]:PORT-TARGET, its target cmd:PROGRAM, tcp:HOST:PORT or unix:PATH',
  parse(text) {
    const [, address = '', port = '', target = ''] = /^(?:tcp)?:([^:]*):(\d+)-(.+)$/s.exec(text) ?? [];
    const parsed = { address: parseIpv4(address), port: parsePort(port), target: parseTarget(target) };
    if (address !== '' && parsed.address === undefined) return undefined;
    return parsed.port === undefined || parsed.target === undefined ? undefined : (parsed as GuestForward);
  },
};

export function formatHostPlace(host: HostPlace): string {
  return 'path' in host ? `unix:${host.path}` : `${host.protocol}:${formatPlace(host.place)}`;
}

export function formatHostForward({ host, guest }: HostForward): string {
  return `${formatHostPlace(host)}-${formatPlace(guest)}`;
}

function formatPlace({ address = '', port }: InetPlace): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function parseHostPlace(text: string): HostPlace | undefined {
  const [, protocol, rest = ''] = /^(tcp|udp|unix|):(.*)$/s.exec(text) ?? [];
  if (protocol === undefined) return undefined;
  if (protocol === 'unix')
    return rest.startsWith('/') && Buffer.byteLength(rest) <= PATH_MAX ? { protocol: 'tcp', path: rest } : undefined;
  const place = parsePlace(rest, 0);
  return place && { protocol: protocol === 'udp' ? 'udp' : 'tcp', place };
}

function parsePlace(text: string, leastPort = 1): InetPlace | undefined {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const port = parsePort(digits, leastPort);
  if (port === undefined) return undefined;
  if (plain === '') return { address: undefined, port };
  const v4 = plain === undefined ? undefined : parseIpv4(plain);
  const v6 = bracketed === undefined ? undefined : parseIpv6(bracketed);
  if (v4 !== undefined) return { address: formatIpv4(v4), port };
  return v6 === undefined ? undefined : { address: formatIpv6(v6), port };
}

function parsePort(digits: string, least = 1): number | undefined {
  return /^\d{1,5}$/.test(digits) && +digits >= least && +digits <= 65535 ? +digits : undefined;
}

function parseTarget(text: string): GuestTarget | undefined {
  const [, kind, rest = ''] = /^(cmd|tcp|unix):(.+)$/s.exec(text) ?? [];
  // QEMU also accepts chardev options after a comma; they are not supported here.
  if (kind === 'cmd') return { kind, command: rest };
  if (kind === 'unix' && Buffer.byteLength(rest) <= PATH_MAX && !rest.includes(',')) return { kind, path: rest };
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:,]+)):(\d+)$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  const port = parsePort(digits);
  return kind === 'tcp' && host !== undefined && port !== undefined ? { kind, host, port } : undefined;
}
