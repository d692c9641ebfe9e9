// Guests that are connected by virtio rings in shared memory: QEMU's vhost-user netdev, and other front ends of that
// protocol.
import { groupId } from '../../system/accounts.ts';
import type { Transport } from '../../system/engine.ts';
import { Connector } from '../connector.ts';
import { flag, mode, oneOf, text } from '../keys.ts';
import { defineKind } from '../kind.ts';
import { Listener } from '../listener.ts';
import type { StreamAddress } from '../stream-address.ts';
import { unixName } from '../unix-name.ts';
import { MAX_CLIENTS, maxClientsKey, RECONNECT_MS, reconnectKey } from './stream.ts';

/**
 * The longest delay before connecting again. It is short, since QEMU starts its guest only when the switch has
 * connected.
 */
const MOST_MS = 2000;

export const vhostUser = defineKind({
  name: 'vhost-user',
  help: "guests with rings in shared memory, as QEMU's vhost-user; the fastest kind",
  keys: {
    path: { value: text, required: true, help: "the socket's path" },
    server: { value: flag, fallback: false, help: 'on to listen, off to connect' },
    mode: { value: mode, goesWith: ['server=on'], help: "permissions of the socket's file; default 600" },
    group: { value: text, goesWith: ['server=on'], help: "group of the socket's file" },
    'max-clients': { ...maxClientsKey, goesWith: ['server=on'] },
    'reconnect-ms': { ...reconnectKey, goesWith: ['server=off'] },
    offload: { value: flag, fallback: true, help: 'off: send the guest only segmented frames with complete checksums' },
    seal: { value: oneOf('require'), help: "require: refuse a guest's memory that can be truncated" },
  },
  open({ path, server, mode = 0o600, group, offload, seal, ...values }, host) {
    const address: StreamAddress = { type: 'unix', path: unixName(path, { abstract: false, tight: true }) };
    const transport = (fd: number): Transport => ({ kind: 'vhost-user', fd, offload, sealed: seal !== undefined });
    const { 'reconnect-ms': reconnectMs = RECONNECT_MS, 'max-clients': maxClients = MAX_CLIENTS } = values;
    if (!server) return Connector.open(host, address, { reconnectMs, mostMs: MOST_MS, transport });
    return Listener.open(host, address, {
      maxClients,
      permissions: { mode, gid: group === undefined ? undefined : groupId(group) },
      transport,
    });
  },
});
