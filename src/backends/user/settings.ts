// The arguments of tsvde-slirp: one `key=value` for each setting, with every address and default written out.
import { formatIpv4, formatIpv6 } from '../../protocol/ip.ts';
import type { GuestForward, PlacedForward } from './forward.ts';
import { refuse, type UserNetwork } from './network.ts';

export interface ServiceKeys {
  restrict: boolean;
  dhcp: boolean;
  'host-loopback': boolean;
  mtu: number;
  hostname?: string | undefined;
  domainname?: string | undefined;
  dnssearch: readonly string[];
  tftp?: string | undefined;
  bootfile?: string | undefined;
  'tftp-server-name'?: string | undefined;
}

export function stackSettings(network: UserNetwork, keys: ServiceKeys, forwards: readonly PlacedForward[]): string[] {
  const onOff = (flag: boolean) => (flag ? 'on' : 'off');
  const texts = ['hostname', 'domainname', 'tftp', 'bootfile', 'tftp-server-name'] as const;
  return [
    ...familySettings(network),
    `restrict=${onOff(keys.restrict)}`,
    `dhcp=${onOff(keys.dhcp)}`,
    `host-loopback=${onOff(keys['host-loopback'])}`,
    `mtu=${keys.mtu}`,
    ...texts.flatMap((name) => (keys[name] === undefined ? [] : [`${name}=${keys[name]}`])),
    ...keys.dnssearch.map((domain) => `dnssearch=${domain}`),
    ...forwards.map(({ address, port, target }) => `guestfwd=${formatIpv4(address)} ${port} ${describe(target)}`),
  ];
}

function familySettings({ ipv4, ipv6 }: UserNetwork): string[] {
  const settings = [`ipv4=${ipv4 ? 'on' : 'off'}`, `ipv6=${ipv6 ? 'on' : 'off'}`];
  for (const name of ['net', 'mask', 'host', 'dhcpstart', 'dns'] as const)
    if (ipv4) settings.push(`${name}=${formatIpv4(ipv4[name])}`);
  if (ipv6)
    settings.push(
      `ipv6-prefix=${formatIpv6(ipv6.prefix)}`,
      `ipv6-prefixlen=${ipv6.length}`,
      `ipv6-host=${formatIpv6(ipv6.host)}`,
      `ipv6-dns=${formatIpv6(ipv6.dns)}`,
    );
  return settings;
}

function describe(target: GuestForward['target']): string {
  switch (target.kind) {
    case 'cmd':
      return `cmd ${target.command}`;
    case 'tcp':
      return `tcp ${target.host} ${target.port}`;
    case 'unix':
      return `unix ${target.path}`;
  }
}

/**
 * Returns a guest forward with its address. Throws SwitchError EINVAL if IPv4 is off, or if the address is outside the
 * network or is that of the host or the name server.
 */
export function placeGuestForward(forward: GuestForward, { ipv4 }: UserNetwork): PlacedForward {
  if (!ipv4) return refuse('guestfwd is given, but ipv4 is off');
  const address = forward.address ?? (ipv4.net | (0x0204 & ~ipv4.mask)) >>> 0;
  const text = formatIpv4(address);
  if ((address & ipv4.mask) >>> 0 !== ipv4.net) refuse(`guestfwd's ${text} is not in the guests' network`);
  if (address === ipv4.host || address === ipv4.dns)
    refuse(`guestfwd's ${text} is the ${address === ipv4.host ? 'host' : 'dns'} address: choose another`);
  return { ...forward, address };
}

/**
 * Throws SwitchError EINVAL for two forwards from the same address and port: libslirp would silently ignore the second.
 */
export function refuseDoubles(forwards: readonly PlacedForward[]): void {
  const places = forwards.map(({ address, port }) => `${formatIpv4(address)}:${port}`);
  const double = places.find((place, i) => places.indexOf(place) !== i);
  if (double) refuse(`two forwards begin at ${double}: give each its own address or port`);
}
