// Plans the addresses of a user-mode network: takes those given, fills in the defaults, and checks all of them by
// QEMU's rules.
import { SwitchError } from '../../protocol/errors.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../protocol/ip.ts';
import { family } from '../internet.ts';
import type { ValueType } from '../keys.ts';

export const ipv4: ValueType<number> = { what: 'an IPv4 address', parse: parseIpv4 };
export const ipv6: ValueType<bigint> = { what: 'an IPv6 address', parse: parseIpv6 };

export interface Net4 {
  net: number;
  mask: number;
}

export interface Net6 {
  prefix: bigint;
  length: number;
}

export const net4: ValueType<Net4> = {
  what: 'ADDRESS/LENGTH, its length from 4 to 32, or ADDRESS/MASK',
  parse: parseNet4,
};
export const net6: ValueType<Net6> = {
  what: 'PREFIX/LENGTH, its length from 0 to 126',
  parse(text) {
    const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
    const prefix = parseIpv6(address);
    return prefix === undefined || +length > 126 ? undefined : { prefix, length: +length };
  },
};

export interface NetworkKeys {
  ipv4?: boolean | undefined;
  ipv6?: boolean | undefined;
  restrict: boolean;
  net?: Net4 | undefined;
  ip?: number | undefined;
  host?: number | undefined;
  dhcpstart?: number | undefined;
  dns?: number | undefined;
  'ipv6-net'?: Net6 | undefined;
  'ipv6-prefix'?: bigint | undefined;
  'ipv6-prefixlen'?: number | undefined;
  'ipv6-host'?: bigint | undefined;
  'ipv6-dns'?: bigint | undefined;
}

export interface UserNetwork {
  ipv4: ({ host: number; dhcpstart: number; dns: number } & Net4) | undefined;
  ipv6: ({ host: bigint; dns: bigint } & Net6) | undefined;
}

/** Fills in the defaults. Throws SwitchError EINVAL for addresses that contradict each other. */
export function planNetwork(keys: NetworkKeys): UserNetwork {
  const which = family(keys.ipv4, keys.ipv6) ?? refuse('ipv4 and ipv6 are both off: leave one on');
  const without = (off: string, names: readonly (keyof NetworkKeys)[]) => {
    const given = names.find((name) => keys[name] !== undefined);
    if (given) refuse(`${given} is given, but ${off} is off`);
  };
  if (which === 6) without('ipv4', ['net', 'ip', 'host', 'dhcpstart', 'dns']);
  if (which === 4) without('ipv6', ['ipv6-net', 'ipv6-prefix', 'ipv6-prefixlen', 'ipv6-host', 'ipv6-dns']);
  return { ipv4: which === 6 ? undefined : planIpv4(keys), ipv6: which === 4 ? undefined : planIpv6(keys) };
}

function planIpv4(keys: NetworkKeys): NonNullable<UserNetwork['ipv4']> {
  if (keys.net && keys.ip !== undefined) refuse('net and ip set the same thing: give one of them');
  const { net, mask } = keys.net ?? withMask(keys.ip ?? parseIpv4('10.0.2.0')!, 24);
  const inside = (address: number) => (address & mask) >>> 0 === net;
  const alias = (low: number) => (net | (low & ~mask)) >>> 0;
  const { host = alias(0x0202), dns = alias(0x0203), dhcpstart = alias(0x020f) } = keys;
  const network = formatNet4({ net, mask });
  if (!inside(host)) refuse(`host ${formatIpv4(host)} is not in ${network}`);
  if (keys.restrict && !inside(dns)) refuse(`dns ${formatIpv4(dns)} is not in ${network}, as restrict=on requires`);
  if (dns === host) refuse(`dns and host are both ${formatIpv4(dns)}: they must differ`);
  if (!inside(dhcpstart)) refuse(`dhcpstart ${formatIpv4(dhcpstart)} is not in ${network}`);
  if (dhcpstart === host || dhcpstart === dns)
    refuse(`dhcpstart is ${formatIpv4(dhcpstart)}, which is ${dhcpstart === host ? 'host' : 'dns'}: they must differ`);
  return { net, mask, host, dns, dhcpstart };
}

function planIpv6(keys: NetworkKeys): NonNullable<UserNetwork['ipv6']> {
  if (keys['ipv6-net'] && (keys['ipv6-prefix'] ?? keys['ipv6-prefixlen']) !== undefined)
    refuse('ipv6-net sets the same as ipv6-prefix and ipv6-prefixlen: give one or the other');
  const length = keys['ipv6-net']?.length ?? keys['ipv6-prefixlen'] ?? 64;
  const prefix = keys['ipv6-net']?.prefix ?? keys['ipv6-prefix'] ?? parseIpv6('fec0::')!;
  const shift = BigInt(128 - length);
  const inside = (address: bigint) => address >> shift === prefix >> shift;
  const { 'ipv6-host': host = prefix | 2n, 'ipv6-dns': dns = prefix | 3n } = keys;
  const network = `${formatIpv6(prefix)}/${length}`;
  if (!inside(host)) refuse(`ipv6-host ${formatIpv6(host)} is not in ${network}`);
  if (keys.restrict && !inside(dns))
    refuse(`ipv6-dns ${formatIpv6(dns)} is not in ${network}, as restrict=on requires`);
  if (dns === host) refuse(`ipv6-dns and ipv6-host are both ${formatIpv6(dns)}: they must differ`);
  return { prefix, length, host, dns };
}

export function formatNet4({ net, mask }: Net4): string {
  return `${formatIpv4(net)}/${maskLength(mask) ?? formatIpv4(mask)}`;
}

function parseNet4(text: string): Net4 | undefined {
  const [, address = '', slash, rest = ''] = /^([^/]+)(\/)?(.*)$/.exec(text) ?? [];
  const net = parseIpv4(address);
  if (net === undefined) return undefined;
  if (slash === undefined) return withMask(net, guessLength(net));
  if (/^\d+$/.test(rest)) return +rest >= 4 && +rest <= 32 ? withMask(net, +rest) : undefined;
  const mask = parseIpv4(rest);
  return mask === undefined ? undefined : { net: (net & mask) >>> 0, mask };
}

function withMask(address: number, length: number): Net4 {
  const mask = (0xffffffff << (32 - length)) >>> 0;
  return { net: (address & mask) >>> 0, mask };
}

/**
 * Returns QEMU's default prefix length for a network, which depends on its address class (RFC 791) or private block
 * (RFC 1918, RFC 2544).
 */
function guessLength(net: number): number {
  const starts = (block: string, length: number) => withMask(net, length).net === parseIpv4(block);
  if (starts('0.0.0.0', 1)) return 8;
  if (starts('172.16.0.0', 12)) return 12;
  if (starts('128.0.0.0', 2)) return 16;
  if (starts('192.168.0.0', 16)) return 16;
  if (starts('198.18.0.0', 15)) return 15;
  return starts('192.0.0.0', 3) ? 24 : 28;
}

/** Returns the prefix length of a mask; undefined for a mask with gaps. */
function maskLength(mask: number): number | undefined {
  const length = Math.clz32(~mask >>> 0);
  return withMask(0xffffffff, length).mask === mask ? length : undefined;
}

export function refuse(sentence: string): never {
  throw new SwitchError('EINVAL', `user: ${sentence}`);
}
