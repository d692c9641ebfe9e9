// User mode: a network behind which the host's own connections are, for whoever may not make a TAP. One stack of libslirp, which
// is QEMU's, serves all guests of the switch; the keys are those of QEMU's -netdev user, and few of our own.
import { accessSync, constants } from 'node:fs';
import { isIP } from 'node:net';
import { SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';
import { resolveHost } from '../internet.ts';
import { number, path, type ValueType } from '../keys.ts';
import { defineKind } from '../kind.ts';
import { type GuestForward, guestForward, hostForward, type PlacedForward } from '../user/forward.ts';
import { formatNet4, ipv4, ipv6, net4, net6, planNetwork, refuse } from '../user/network.ts';
import { placeGuestForward, refuseDoubles, stackSettings } from '../user/settings.ts';
import { SMB_PORTS, shareBySmb } from '../user/smb.ts';
import { UserBackend } from '../user/user-backend.ts';

/** QEMU's words for a flag here. */
const flag: ValueType<boolean> = {
  what: 'on or off',
  parse: (text) => (/^(on|yes|y|true)$/.test(text) ? true : /^(off|no|n|false)$/.test(text) ? false : undefined),
};

/** What a DHCP option or libslirp has room for. */
function shortText(bytes: number): ValueType<string> {
  return {
    what: `text of 1 to ${bytes} bytes`,
    parse: (text) => (text !== '' && Buffer.byteLength(text) <= bytes ? text : undefined),
  };
}

export const user = defineKind({
  name: 'user',
  help: 'a network in user mode: DHCP, DNS, TFTP and the way out, for all guests of the switch',
  keys: {
    ipv4: { value: flag, help: 'IPv4; on alone, it switches IPv6 off' },
    ipv6: { value: flag, help: 'IPv6; on alone, it switches IPv4 off' },
    net: { value: net4, help: "the guests' network; default 10.0.2.0/24" },
    ip: { value: ipv4, help: 'another way to say net=…/24' },
    host: { value: ipv4, help: "the host's address there; default the network's .2" },
    dhcpstart: { value: ipv4, help: "the first of 16 addresses given by DHCP; default the network's .15" },
    dns: { value: ipv4, help: "the name server's address, which asks the host's own; default the network's .3" },
    'ipv6-net': { value: net6, help: 'ipv6-prefix and ipv6-prefixlen in one' },
    'ipv6-prefix': { value: ipv6, help: "the guests' IPv6 network; default fec0::" },
    'ipv6-prefixlen': { value: number(0, 126), help: 'its length; default 64' },
    'ipv6-host': { value: ipv6, help: "the host's IPv6 address there; default the prefix with 2" },
    'ipv6-dns': { value: ipv6, help: "the name server's; default the prefix with 3" },
    restrict: { value: flag, fallback: false, help: 'guests reach neither the host nor the world, but by forwards' },
    hostname: { value: shortText(32), help: 'the name that DHCP gives to guests' },
    domainname: { value: shortText(255), help: 'the domain that DHCP gives to guests' },
    dnssearch: { value: shortText(255), repeatable: true, help: 'a domain to search names in' },
    tftp: { value: path, help: "a directory to serve by TFTP, at host's address" },
    bootfile: { value: shortText(127), help: 'the file that DHCP says to boot' },
    'tftp-server-name': { value: shortText(255), help: 'the TFTP server that DHCP names (option 66)' },
    hostfwd: { value: hostForward, repeatable: true, help: 'connections to the host that go to a guest' },
    guestfwd: { value: guestForward, repeatable: true, help: "connections to an address of the guests' network" },
    smb: { value: path, help: "a directory to share by Samba's smbd, at smbserver's address, as qemu" },
    smbserver: { value: ipv4, help: "that address; default the network's .4" },
    mtu: { value: number(576, 65521), fallback: 1500, help: 'the MTU, which guests must have too (not in QEMU)' },
    dhcp: { value: flag, fallback: true, help: 'off where another server is on the switch (not in QEMU)' },
    'host-loopback': {
      value: flag,
      fallback: true,
      help: "off: guests do not reach services on the host's 127.0.0.1 and ::1 (not in QEMU)",
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

/** Once, as QEMU does: the stack must not wait for a name server. */
async function resolveTarget(forward: PlacedForward, signal: AbortSignal): Promise<PlacedForward> {
  const { target } = forward;
  if (target.kind !== 'tcp' || isIP(target.host) !== 0) return forward;
  const address = await resolveHost(target.host, 0, signal).catch(() => {
    throw new SwitchError('ENOENT', `user: guestfwd's host '${target.host}' has no address`);
  });
  return { ...forward, target: { ...target, host: address } };
}
