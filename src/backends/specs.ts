// Specs as objects, typed for TypeScript users: the kinds, keys and values are those of the text. The tables of keys
// decide what is valid, and a test checks these interfaces against the tables.
import { SwitchError } from '../protocol/errors.ts';
import type { PortSpec } from '../protocol/port-spec.ts';
import { COMMON_KEYS, type Keys, mode } from './keys.ts';

/** The keys that every spec can have. */
export interface CommonKeys {
  /** The attachment's ID in logs, metrics and detach(); default the kind and a number. */
  id?: string;
  /** The name of the port; if another port has the name, `-1`, `-2` and so on is appended. Default none. */
  name?: string;
  /** The port of the switch to take, given by its number, 1 to 65535, or by its name; default any free one. */
  switchport?: number | string;
  /** The untagged VLAN of the port, 0 to 4094; it is created if it does not exist. */
  vlan?: number;
}

/** A TAP interface of this machine, which is created if it does not exist. */
export interface TapSpec extends CommonKeys {
  /** Always `tap`. */
  kind: 'tap';
  /** The name of the interface, at most 15 bytes. By default the kernel chooses the name. */
  ifname?: string;
  /** Whether unsegmented TCP and UDP datagrams are exchanged with the kernel, if it supports that; default true. */
  vnet_hdr?: boolean;
}

/**
 * Frames over TCP, UDP or multicast, like QEMU's `socket`. Exactly one of listen, connect, udp and mcast must be given.
 */
export interface SocketSpec extends CommonKeys {
  /** Always `socket`. */
  kind: 'socket';
  /** The address to accept TCP connections on, `HOST:PORT`; without a host, all addresses. */
  listen?: string;
  /** The address to connect to by TCP, `HOST:PORT`. */
  connect?: string;
  /** The only peer over UDP, `HOST:PORT`; datagrams from others are dropped. */
  udp?: string;
  /** An IPv4 multicast group and port, `HOST:PORT`, whose members share one network. */
  mcast?: string;
  /** With udp, the address to receive on, `HOST:PORT`; with mcast, an address of the interface to use. */
  localaddr?: string;
  /** With mcast, the IP time to live; 1, the default, keeps datagrams on the local network. */
  ttl?: number;
  /** With listen or connect, whether the kernel probes a silent peer; default false. */
  'keep-alive'?: boolean;
  /** With listen, the most connections at a time, each on its own port; default 128. */
  'max-clients'?: number;
  /**
   * With connect, the delay before connecting again, in milliseconds, doubled after each failure up to 30 seconds; 0
   * for never; default 1000.
   */
  'reconnect-ms'?: number;
}

/** Frames over TCP or a unix socket, like QEMU's `stream`. */
export interface StreamSpec extends CommonKeys {
  /** Always `stream`. */
  kind: 'stream';
  /** true: listen; false, the default: connect. */
  server?: boolean;
  /** `inet` for TCP over IPv4 or IPv6, `unix` for a unix socket. */
  'addr.type': 'inet' | 'unix';
  /** With inet, a name or an address. The default is all addresses when listening, and this host when connecting. */
  'addr.host'?: string;
  /** With inet, the TCP port, 0 to 65535; required. */
  'addr.port'?: number;
  /** With inet, whether IPv4 is used; if only this is true, IPv6 is not used. */
  'addr.ipv4'?: boolean;
  /** With inet, whether IPv6 is used; if only this is true, IPv4 is not used. */
  'addr.ipv6'?: boolean;
  /** With inet, whether the kernel probes a silent peer; default false. */
  'addr.keep-alive'?: boolean;
  /** With unix, the path of the socket; required. */
  'addr.path'?: string;
  /** With unix, whether the path is a name in the abstract namespace; default false. */
  'addr.abstract'?: boolean;
  /**
   * With an abstract name, whether the name is used without padding; false pads it with NULs to its full size. Default
   * true.
   */
  'addr.tight'?: boolean;
  /** With server and a path, the permissions of the socket's file; default 0o600. */
  mode?: number;
  /** With server and a path, the name of the group of the socket's file. */
  group?: string;
  /** With server, the most connections at a time, each on its own port; default 128. */
  'max-clients'?: number;
  /**
   * Without server, the delay before connecting again, in milliseconds, doubled after each failure up to 30 seconds; 0
   * for never; default 1000.
   */
  'reconnect-ms'?: number;
  /** Whether short frames are sent with their padding; default true. passt needs false. */
  padding?: boolean;
}

/** One datagram for each frame, over UDP, multicast or unix sockets, like QEMU's `dgram`. */
export interface DgramSpec extends CommonKeys {
  /** Always `dgram`. */
  kind: 'dgram';
  /** `inet` for UDP over IPv4 or IPv6, `unix` for unix sockets. */
  'remote.type': 'inet' | 'unix';
  /** With inet, the only peer, or an IPv4 multicast group; required. */
  'remote.host'?: string;
  /** With inet, the port of the peer or the group; required. */
  'remote.port'?: number;
  /** With unix, the path that the only peer has bound; required. */
  'remote.path'?: string;
  /** With unix, whether remote.path is a name in the abstract namespace; default false. */
  'remote.abstract'?: boolean;
  /** If given, the same as remote.type. */
  'local.type'?: 'inet' | 'unix';
  /** With inet, the address to receive on; with a group, an address of the interface to use. */
  'local.host'?: string;
  /** With inet, the port to receive on; required unless the peer is a group. */
  'local.port'?: number;
  /** With unix, the path to receive on; required. */
  'local.path'?: string;
  /** With unix, whether local.path is a name in the abstract namespace; default false. */
  'local.abstract'?: boolean;
  /** With unix, the permissions of the file at local.path; default 0o600. */
  mode?: number;
  /** With a group, the IP time to live; 1, the default, keeps datagrams on the local network. */
  ttl?: number;
}

/**
 * A user-mode network, like QEMU's `user`: DHCP, DNS, TFTP and access to outside networks for the guests of the switch.
 * It needs no root.
 */
export interface UserSpec extends CommonKeys {
  /** Always `user`. */
  kind: 'user';
  /** Enables IPv4. If this is true and `ipv6` is not given, IPv6 is off. */
  ipv4?: boolean;
  /** Enables IPv6. If this is true and `ipv4` is not given, IPv4 is off. */
  ipv6?: boolean;
  /** The guests' network, `ADDRESS/LENGTH`; default `10.0.2.0/24`. */
  net?: string;
  /** An address in the guests' network, whose prefix length is then 24: another way to write `net`. */
  ip?: string;
  /** The host's address in the guests' network; default the network's .2. */
  host?: string;
  /** The first of 16 addresses that DHCP assigns; default the network's .15. */
  dhcpstart?: string;
  /** The address of the name server, which forwards to the host's name server; default the network's .3. */
  dns?: string;
  /** The IPv6 network, `PREFIX/LENGTH`: ipv6-prefix and ipv6-prefixlen in one. */
  'ipv6-net'?: string;
  /** The guests' IPv6 network; default `fec0::`. */
  'ipv6-prefix'?: string;
  /** The length of ipv6-prefix in bits, 0 to 126; default 64. */
  'ipv6-prefixlen'?: number;
  /** The host's IPv6 address in the guests' network; default the prefix's ::2. */
  'ipv6-host'?: string;
  /** The IPv6 address of the name server; default the prefix's ::3. */
  'ipv6-dns'?: string;
  /** Whether guests reach neither the host nor outside networks, except through forwards; default false. */
  restrict?: boolean;
  /** The host name that DHCP assigns to guests, at most 32 bytes. */
  hostname?: string;
  /** The domain name that DHCP assigns to guests, at most 255 bytes. */
  domainname?: string;
  /** The domain search list that DHCP gives to guests. */
  dnssearch?: string | readonly string[];
  /** A directory that is served by TFTP at the host's address. */
  tftp?: string;
  /** The boot file that DHCP names. */
  bootfile?: string;
  /** The TFTP server that DHCP names (option 66). */
  'tftp-server-name'?: string;
  /** Forwards of host ports to a guest, `tcp:127.0.0.1:2222-:22`. */
  hostfwd?: string | readonly string[];
  /** Forwards of addresses in the guests' network to the host, `tcp:10.0.2.100:80-tcp:127.0.0.1:8080`. */
  guestfwd?: string | readonly string[];
  /** A directory that Samba's smbd shares at the address `smbserver`. */
  smb?: string;
  /** The address of the share; default the network's .4. */
  smbserver?: string;
  /** The MTU in bytes, 576 to 65521; guests must use the same. Default 1500. */
  mtu?: number;
  /** Whether guests get addresses by DHCP; default true. */
  dhcp?: boolean;
  /** Whether guests reach services on the host's 127.0.0.1 and ::1; default true. */
  'host-loopback'?: boolean;
}

/** An uplink to another VDE switch. It joins again when that switch returns. */
export interface VdeSpec extends CommonKeys {
  /** Always `vde`. */
  kind: 'vde';
  /** The control directory of the other switch. */
  sock: string;
  /** The port to take at the other switch, 0 to 65535; default any free one. */
  port?: number;
  /** The name of the group of our own socket. */
  group?: string;
  /** The permissions of our own socket; default 0o700. */
  mode?: number;
  /** The delay before joining again, in milliseconds, doubled after each failure up to 30 s; default 1000. */
  'reconnect-ms'?: number;
}

/** Guests with rings in shared memory, as QEMU's `vhost-user`. */
export interface VhostUserSpec extends CommonKeys {
  /** Always `vhost-user`. */
  kind: 'vhost-user';
  /** The path of the socket. */
  path: string;
  /** Whether to listen; the default is to connect. */
  server?: boolean;
  /** With server, the permissions of the socket's file; default 0o600. */
  mode?: number;
  /** With server, the group of the socket's file. */
  group?: string;
  /** With server, the maximum number of guests, each of which has a port of its own; default 128. */
  'max-clients'?: number;
  /**
   * Without server, milliseconds before connecting again, doubled after each failure, up to 2 seconds; 0 for never;
   * default 1000.
   */
  'reconnect-ms'?: number;
  /** Whether guests may receive unsegmented TCP and UDP datagrams with incomplete checksums; default true. */
  offload?: boolean;
  /** `require` refuses memory that can be truncated. */
  seal?: 'require';
}

/** A spec as an object: `{ kind: 'tap', ifname: 'qtap' }` is `tap,ifname=qtap`. */
export type SpecObject = TapSpec | SocketSpec | StreamSpec | DgramSpec | UserSpec | VdeSpec | VhostUserSpec;

/**
 * Returns the pairs of an object, with their values written as in a spec's text. First come the pairs of `keys`, the
 * kind's own keys, in the order of `keys`; then those of the keys that every kind has.
 */
export function toPairs({ kind, ...given }: SpecObject, keys: Keys): PortSpec['pairs'] {
  const order = [...Object.keys(keys), ...Object.keys(COMMON_KEYS)];
  const entries = Object.entries<unknown>({ ...given }).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return entries.flatMap(([name, value]) => {
    const values: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
    return values.map((one): [string, string] => [name, toWord(one, `${kind}: ${name}`, keys[name]?.value === mode)]);
  });
}

function toWord(value: unknown, place: string, octal: boolean): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return value ? 'on' : 'off';
    case 'number':
    case 'bigint':
      return value.toString(octal ? 8 : 10);
    default:
      throw new SwitchError(
        'EINVAL',
        `${place} is ${value === null ? 'null' : `of type ${typeof value}`}: it must be text, a number or a boolean`,
      );
  }
}

/** Formats a spec as text: commas within a value are doubled. */
export function formatSpec({ kind, pairs }: Pick<PortSpec, 'kind' | 'pairs'>): string {
  return [kind, ...pairs.map(([key, value]) => `${key}=${value}`)].map((word) => word.replaceAll(',', ',,')).join(',');
}
