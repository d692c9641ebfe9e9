// QEMU's `dgram`: one datagram is one frame, to one peer over UDP or unix sockets, or to an IPv4 multicast group.
import { SwitchError } from '../../protocol/errors.ts';
import { isMulticast, openMulticast, openUdp, openUnix, refuseIpv6Group } from '../datagram.ts';
import { resolveHost } from '../internet.ts';
import { flag, type Keys, mode, number, oneOf, text, type Values } from '../keys.ts';
import { type Backend, defineKind, type Host } from '../kind.ts';
import { spellings, unixName } from '../unix-name.ts';

const INET = ['remote.type=inet'];
const UNIX = ['remote.type=unix'];

const keys = {
  'remote.type': { value: oneOf('inet', 'unix'), required: true, help: 'inet for UDP over IPv4 or IPv6' },
  'remote.host': { value: text, goesWith: INET, required: true, help: 'the single peer, or an IPv4 multicast group' },
  'remote.port': { value: number(1, 65535), goesWith: INET, required: true, help: 'the port of remote.host' },
  'remote.path': { value: text, goesWith: UNIX, required: true, help: 'the path that the single peer has bound' },
  'remote.abstract': { value: flag, goesWith: UNIX, help: 'remote.path is a name in the abstract namespace' },
  'local.type': { value: oneOf('inet', 'unix'), help: 'the same as remote.type' },
  'local.host': {
    value: text,
    goesWith: INET,
    help: 'the address to receive on; for a group, an address of the interface to use',
  },
  'local.port': { value: number(0, 65535), goesWith: INET, help: 'the port to receive on; ignored for a group' },
  'local.path': { value: text, goesWith: UNIX, required: true, help: 'the path to receive on' },
  'local.abstract': { value: flag, goesWith: UNIX, help: 'local.path is a name in the abstract namespace' },
  mode: { value: mode, goesWith: UNIX, help: "permissions of local.path's file; default 600" },
  ttl: {
    value: number(0, 255),
    goesWith: INET,
    help: "a group's IP time to live: 1 stays on the local network; default 1",
  },
} as const satisfies Keys;

export const dgram = defineKind({
  name: 'dgram',
  help: "one frame per datagram, over UDP, multicast or unix sockets, as QEMU's dgram",
  keys,
  open(values, host) {
    const { 'local.type': type = values['remote.type'] } = values;
    if (type !== values['remote.type'])
      throw new SwitchError('EINVAL', `dgram: local.type is ${type}: it must be the same as remote.type`);
    return type === 'unix' ? openUnixPeer(values, host) : openInternet(values, host);
  },
});

function openUnixPeer(values: Values<typeof keys>, host: Host): Promise<Backend> {
  const name = (path = '', abstract = false) => unixName(path, { abstract, tight: true });
  const local = name(values['local.path'], values['local.abstract']);
  if (values.mode !== undefined && values['local.abstract'])
    throw new SwitchError('EINVAL', 'dgram: mode goes only with a path: an abstract name has no permissions');
  const { 'remote.path': path = '', 'remote.abstract': abstract } = values;
  const names = abstract ? ([name(path, true)] as const) : spellings(path);
  return openUnix(host, local, names, values.mode ?? 0o600);
}

async function openInternet(values: Values<typeof keys>, host: Host): Promise<Backend> {
  const { 'local.host': localHost = '', 'local.port': localPort, ttl } = values;
  const peer = { host: values['remote.host'] ?? '', port: values['remote.port'] ?? 0 };
  const address = await resolveHost(peer.host, 0, host.signal);
  refuseIpv6Group(address);
  if (isMulticast(address)) return openMulticast(host, peer, { localAddress: localHost, ttl });
  if (ttl !== undefined) throw new SwitchError('EINVAL', `dgram: ttl goes only with a multicast group as remote.host`);
  if (localPort === undefined) throw new SwitchError('EINVAL', 'dgram: local.port is missing: the port to receive on');
  return openUdp(host, { host: localHost, port: localPort }, peer);
}
