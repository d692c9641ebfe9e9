// Guests that are connected by virtio rings in shared memory: QEMU's vhost-user netdev, and other front ends of that
// protocol.
import { SwitchError } from '../../protocol/errors.ts';
import { groupId } from '../../system/accounts.ts';
import { flag, mode, oneOf, text } from '../keys.ts';
import { defineKind } from '../kind.ts';
import { Listener } from '../listener.ts';
import { unixName } from '../unix-name.ts';
import { MAX_CLIENTS, maxClientsKey } from './stream.ts';

export const vhostUser = defineKind({
  name: 'vhost-user',
  help: "guests with rings in shared memory, as QEMU's vhost-user; the fastest kind",
  keys: {
    path: { value: text, required: true, help: "the socket's path" },
    server: { value: flag, fallback: false, help: 'on to listen; required, since connecting is not implemented yet' },
    mode: { value: mode, goesWith: ['server=on'], help: "permissions of the socket's file; default 600" },
    group: { value: text, goesWith: ['server=on'], help: "group of the socket's file" },
    'max-clients': { ...maxClientsKey, goesWith: ['server=on'] },
    offload: { value: flag, fallback: true, help: 'checksum and segmentation offloads, if the guest has them' },
    seal: { value: oneOf('require'), help: "require: refuse a guest's memory that can be truncated" },
  },
  open({ path, server, mode = 0o600, group, 'max-clients': maxClients = MAX_CLIENTS, offload, seal }, host) {
    if (!server) throw new SwitchError('ENOSYS', 'vhost-user: only server=on is implemented');
    return Listener.open(
      host,
      { type: 'unix', path: unixName(path, { abstract: false, tight: true }) },
      {
        maxClients,
        permissions: { mode, gid: group === undefined ? undefined : groupId(group) },
        transport: (fd) => ({ kind: 'vhost-user', fd, offload, sealed: seal !== undefined }),
      },
    );
  },
});
