// QEMU's user-mode network, which needs no privileges: guests' connections become sockets of this host. One libslirp
// stack serves all guests of the switch. The keys are those of QEMU's -netdev user, plus three of our own.
import { accessSync, constants } from 'node:fs';
import { isIP } from 'node:net';
import { SwitchError } from '../../protocol/errors.ts';
import { formatIpv4 } from '../../protocol/ip.ts';
import { describeError } from '../../system/errno.ts';
import { resolveHost } from '../internet.ts';
import { number, path, type ValueType } from '../keys.ts';
import { defineKind } from '../kind.ts';
import { type GuestForward, guestForward, hostForward, type PlacedForward } from '../user/forward.ts';
import { formatNet4, ipv4, ipv6, net4, net6, planNetwork, refuse } from '../user/network.ts';
import { placeGuestForward, refuseDoubles, stackSettings } from '../user/settings.ts';
import { SMB_PORTS, shareBySmb } from '../user/smb.ts';
import { UserBackend } from '../user/user-backend.ts';

/** The value type of this kind's flags: the words that QEMU accepts. */
const flag: ValueType<boolean> = {
  what: 'on or off',
  parse: (text) => (/^(on|yes|y|true)$/.test(text) ? true : /^(off|no|n|false)$/.test(text) ? false : undefined),
};

/** The value type of text that a DHCP option or libslirp limits to `bytes` bytes. */
function shortText(bytes: number): ValueType<string> {
  return {
    what: `text of 1 to ${bytes} bytes`,
    parse: (text) => (text !== '' && Buffer.byteLength(text) <= bytes ? text : undefined),
  };
}

export const user = defineKind({
  name: 'user',
  help: 'a user-mode network for all guests of the switch: DHCP, DNS, TFTP and outgoing connections',
  keys: {
    ipv4: { value: flag, help: 'IPv4; on without ipv6: IPv4 only' },
    ipv6: { value: flag, help: 'IPv6; on without ipv4: IPv6 only' },
    net: { value: net4, help: "the guests' network; default 10.0.2.0/24" },
    ip: { value: ipv4, help: 'the same as net=…/24' },
    host: { value: ipv4, help: "the host's address in the guests' network; default the network's .2" },
    dhcpstart: {
      value: ipv4,
      help: "the first of the 16 addresses that DHCP leases, those inside the network; default the network's .15",
    },
    dns: { value: ipv4, help: "the name server's address, which forwards to the host's; default the network's .3" },
    'ipv6-net': { value: net6, help: 'ipv6-prefix and ipv6-prefixlen together' },
    'ipv6-prefix': { value: ipv6, help: "the guests' IPv6 network; default fec0::" },
    'ipv6-prefixlen': { value: number(0, 126), help: 'the length of ipv6-prefix; default 64' },
    'ipv6-host': { value: ipv6, help: "the host's address in the IPv6 network; default the prefix and 2" },
    'ipv6-dns': { value: ipv6, help: "the name server's IPv6 address; default the prefix and 3" },
    restrict: {
      value: flag,
      fallback: false,
      help: 'guests reach neither the host nor other networks, except through forwards',
    },
    hostname: { value: shortText(32), help: 'the name that DHCP gives to guests' },
    domainname: { value: shortText(255), help: 'the domain that DHCP gives to guests' },
    dnssearch: { value: shortText(255), repeatable: true, help: 'a domain to search names in' },
    tftp: { value: path, help: "a directory to serve by TFTP at the host's address" },
    bootfile: { value: shortText(127), help: 'the boot file that DHCP announces' },
    'tftp-server-name': { value: shortText(255), help: 'the TFTP server that DHCP announces (option 66)' },
    hostfwd: { value: hostForward, repeatable: true, help: 'forwards connections to the host to a guest' },
    guestfwd: {
      value: guestForward,
      repeatable: true,
      help: "forwards connections to an address in the guests' network to a program or socket",
    },
    smb: { value: path, help: "a directory that Samba's smbd shares as \\\\SMBSERVER\\qemu" },
    smbserver: { value: ipv4, help: "the address of the smb share; default the network's .4" },
    mtu: { value: number(576, 65521), fallback: 1500, help: 'the MTU, which guests must use too (not in QEMU)' },
    dhcp: { value: flag, fallback: true, help: 'off if the switch has another DHCP server (not in QEMU)' },
    'host-loopback': {
      value: flag,
      fallback: true,
      help: "off: guests cannot reach services on the host's 127.0.0.1 and ::1 (not in QEMU)",
    },
  },
  async open(values, host) {
    const network = planNetwork(values);
    const place = (forward: GuestForward) => placeGuestForward(forward, network);
    if (values.smbserver !== undefined && values.smb === undefined) refuse('smbserver is given without smb');
    if (values.tftp !== undefined) checkDirectory('tftp', values.tftp);
    for (const forward of values.hostfwd)
      if (!network.ipv4 && forward.guest.address === undefined)
        refuse('hostfwd has no guest address, and ipv4 is off: name one, in brackets');
    const given = values.guestfwd.map(place);
    const smbPlaces = values.smb === undefined ? [] : SMB_PORTS.map((port) => ({ address: values.smbserver, port }));
    const nowhere = { kind: 'cmd', command: '' } as const;
    refuseDoubles([...given, ...smbPlaces.map((at) => place({ ...at, target: nowhere }))]);
    const forwards = await Promise.all(given.map((forward) => resolveTarget(forward, host.signal)));
    const share = values.smb === undefined ? undefined : shareBySmb(values.smb);
    for (const at of smbPlaces) forwards.push(place({ ...at, target: { kind: 'cmd', command: share!.command } }));
    return UserBackend.open(
      {
        settings: stackSettings(network, values, forwards),
        hostForwards: values.hostfwd,
        firstGuest: network.ipv4 && formatIpv4(network.ipv4.dhcpstart),
        description: network.ipv4 ? formatNet4(network.ipv4) : 'IPv6',
        close: () => share?.close(),
      },
      host,
    );
  },
});

function checkDirectory(key: string, directory: string): void {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new SwitchError('ENOENT', `user: ${key} cannot serve '${directory}': ${describeError(error)}`);
  }
}

/** Resolves a target's host name once, as QEMU does. The stack itself must not wait for a name server. */
async function resolveTarget(forward: PlacedForward, signal: AbortSignal): Promise<PlacedForward> {
  const { target } = forward;
  if (target.kind !== 'tcp' || isIP(target.host) !== 0) return forward;
  const address = await resolveHost(target.host, 0, signal).catch(() => {
    throw new SwitchError('ENOENT', `user: guestfwd's host '${target.host}' has no address`);
  });
  return { ...forward, target: { ...target, host: address } };
}
