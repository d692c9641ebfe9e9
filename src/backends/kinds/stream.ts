// QEMU's `stream`: frames over a TCP or unix connection, in either role.
import { SwitchError } from '../../protocol/errors.ts';
import { groupId } from '../../system/accounts.ts';
import { Connector } from '../connector.ts';
import { family } from '../internet.ts';
import { flag, type Keys, mode, number, oneOf, text, type Values } from '../keys.ts';
import { defineKind } from '../kind.ts';
import { Listener } from '../listener.ts';
import { asStream, type StreamAddress } from '../stream-address.ts';
import { unixName } from '../unix-name.ts';

/** The default of max-clients: about as many QEMU guests as fit on a host. */
export const MAX_CLIENTS = 128;
export const RECONNECT_MS = 1000;

/** Also a key of `socket`, QEMU's older syntax for streams. */
export const maxClientsKey = {
  value: number(1, 65535),
  help: `clients at a time, each with its own port; default ${MAX_CLIENTS}`,
};
export const reconnectKey = {
  value: number(0, 86_400_000),
  help: `milliseconds before connecting again, doubled after each failure; 0 for never; default ${RECONNECT_MS}`,
};

const INET = ['addr.type=inet'];
const UNIX = ['addr.type=unix'];

const keys = {
  server: { value: flag, fallback: false, help: 'on to listen, off to connect' },
  'addr.type': { value: oneOf('inet', 'unix'), required: true, help: 'inet for TCP over IPv4 or IPv6' },
  'addr.host': {
    value: text,
    goesWith: INET,
    help: 'a name or an address; default all addresses to listen on, localhost to connect to',
  },
  'addr.port': {
    value: number(0, 65535),
    goesWith: INET,
    required: true,
    help: 'the TCP port; 0 listens on any free one',
  },
  'addr.ipv4': { value: flag, goesWith: INET, help: 'on without addr.ipv6: IPv4 only' },
  'addr.ipv6': { value: flag, goesWith: INET, help: 'on without addr.ipv4: IPv6 only' },
  'addr.keep-alive': { value: flag, goesWith: INET, help: 'let the kernel detect that a silent peer is gone' },
  'addr.path': { value: text, goesWith: UNIX, required: true, help: "the socket's path" },
  'addr.abstract': { value: flag, goesWith: UNIX, help: 'addr.path is a name in the abstract namespace' },
  'addr.tight': { value: flag, goesWith: ['addr.abstract=on'], help: 'off: the name is padded with NULs; default on' },
  mode: { value: mode, goesWith: ['server=on'], help: "permissions of a unix socket's file; default 600" },
  group: { value: text, goesWith: ['server=on'], help: "group of a unix socket's file" },
  'max-clients': { ...maxClientsKey, goesWith: ['server=on'] },
  'reconnect-ms': { ...reconnectKey, goesWith: ['server=off'] },
  padding: {
    value: flag,
    fallback: true,
    help: 'off: send short frames without their padding, as passt needs; default on',
  },
} as const satisfies Keys;

export const stream = defineKind({
  name: 'stream',
  help: "frames over TCP or a unix socket, as QEMU's stream; takes many clients when listening",
  keys,
  open(values, host) {
    const address = readAddress(values);
    const transport = (fd: number) => asStream(fd, values.padding);
    const { 'reconnect-ms': reconnectMs = RECONNECT_MS, 'max-clients': maxClients = MAX_CLIENTS } = values;
    if (!values.server) return Connector.open(host, address, { reconnectMs, transport });
    if (address.type !== 'unix' && (values.mode ?? values.group) !== undefined)
      throw new SwitchError('EINVAL', 'stream: mode and group go only with the path of a unix socket');
    const permissions = {
      mode: values.mode ?? 0o600,
      gid: values.group === undefined ? undefined : groupId(values.group),
    };
    return Listener.open(host, address, { maxClients, permissions, transport });
  },
});

function readAddress(values: Values<typeof keys>): StreamAddress {
  const path = values['addr.path'];
  if (path !== undefined) {
    const { 'addr.abstract': abstract = false, 'addr.tight': tight = true } = values;
    const name = unixName(path, { abstract, tight });
    return abstract ? { type: 'abstract', name } : { type: 'unix', path: name };
  }
  const which = family(values['addr.ipv4'], values['addr.ipv6']);
  if (which === undefined) throw new SwitchError('EINVAL', 'ipv4 and ipv6 cannot both be off');
  return {
    type: 'inet',
    host: values['addr.host'] ?? '',
    port: values['addr.port'] ?? 0,
    family: which,
    keepAlive: values['addr.keep-alive'] ?? false,
  };
}
