// Datagram ports: one peer over UDP or unix sockets, or the members of an IPv4 multicast group. The ports are usable at
// once, whether or not a peer exists, and do not end when a peer does.
import { isIP } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { formatAddress } from '../protocol/request.ts';
import type { Transport } from '../system/engine.ts';
import { fileRemover, grantSocket } from '../system/held-path.ts';
import { native } from '../system/native.ts';
import type { Reservation } from '../system/reservation.ts';
import { formatHostPort, type HostPort, resolveHost, resolveHosts } from './internet.ts';
import type { Backend, Host } from './kind.ts';
import { attempt } from './refusal.ts';
import { formatUnixName } from './unix-name.ts';

/** Opens a UDP port for one peer. The kernel refuses frames over 65507 bytes (IPv4); they are counted as too long. */
export async function openUdp(host: Host, local: HostPort, peer: HostPort): Promise<Backend> {
  const { own, address } = await resolveEnds(local.host, peer.host || 'localhost', host.signal);
  const names = `${formatHostPort(own, local.port)} for ${formatHostPort(address, peer.port)}`;
  const { localPort, ...opened } = attempt(`receive on ${names}`, () =>
    native.openUdp({ address: own, port: local.port }, { address, port: peer.port }),
  );
  const backend = attach(host, { kind: 'peer', ...opened, also: [] }, formatHostPort(address, peer.port));
  const bound = formatHostPort(own, localPort);
  host.log(`receiving on ${bound}`, 'info', { address: bound });
  return { ...backend, addresses: () => [bound] };
}

/**
 * Resolves both ends to addresses of one family. If a name has both families, IPv4 is preferred, since QEMU's datagram
 * backends have only IPv4.
 */
async function resolveEnds(
  local: string,
  peer: string,
  signal: AbortSignal,
): Promise<{ own: string; address: string }> {
  const found = await resolveHosts(peer, 0, signal);
  for (const address of found) refuseIpv6Group(address);
  const own = local === '' ? ['0.0.0.0', '::'] : await resolveHosts(local, 0, signal);
  for (const family of [4, 6]) {
    const ofFamily = (address: string) => isIP(address) === family;
    const [a, b] = [own.find(ofFamily), found.find(ofFamily)];
    if (a !== undefined && b !== undefined) return { own: a, address: b };
  }
  throw new SwitchError('EIO', `'${local}' and '${peer}' have no addresses of the same family`);
}

/**
 * Opens a unix datagram port for one peer, which must send from a socket bound to `peer` or to one of `others`. `mode`
 * is the permissions of our own socket's file.
 */
export async function openUnix(
  host: Host,
  local: string,
  [peer, ...others]: readonly [string, ...string[]],
  mode: number,
): Promise<Backend> {
  const { remove, ...opened } = attempt(`bind '${formatUnixName(local)}'`, () => bindPeer(local, peer, mode));
  try {
    return attach(host, { kind: 'peer', ...opened, also: others.map(senderAddress) }, formatUnixName(peer), remove);
  } catch (error) {
    remove();
    throw error;
  }
}

/**
 * Binds with a mode that lets only our user send, and then sets the wanted mode. The returned `remove` removes the
 * socket's file, if there is one.
 */
function bindPeer(local: string, peer: string, mode: number): { fd: number; peer: Uint8Array; remove(): void } {
  const before = native.setUmask(0o177);
  let opened: ReturnType<typeof native.openUnixPeer>;
  try {
    opened = native.openUnixPeer(local, peer);
  } finally {
    native.setUmask(before);
  }
  let remove = () => {};
  try {
    if (!local.startsWith('\0')) {
      remove = fileRemover(local);
      grantSocket(local, { mode });
    }
    return { ...opened, remove };
  } catch (error) {
    remove();
    native.closeDescriptor(opened.fd);
    throw error;
  }
}

/** Joins a multicast group. `localAddress` selects the interface; without it, the routing table selects one. */
export async function openMulticast(
  host: Host,
  group: HostPort,
  { localAddress = '', ttl = 1 }: { localAddress?: string | undefined; ttl?: number | undefined },
): Promise<Backend> {
  const address = await resolveHost(group.host, 4, host.signal);
  if (!isMulticast(address))
    throw new SwitchError('EINVAL', `${address} is not a multicast group: groups are in 224.0.0.0/4`);
  const own = localAddress === '' ? '0.0.0.0' : await resolveHost(localAddress, 4, host.signal);
  const hint = localAddress === '' ? 'name an address of the interface to use, like 127.0.0.1' : undefined;
  const opened = attempt(
    `join ${address}`,
    () => native.openMulticast({ address, port: group.port, localAddress: own, ttl }),
    hint,
  );
  return attach(host, { kind: 'multicast', ...opened }, formatHostPort(address, group.port));
}

export function isMulticast(address: string): boolean {
  const first = Number(/^(\d+)\.\d+\.\d+\.\d+$/.exec(address)?.[1]);
  return first >= 224 && first <= 239;
}

/**
 * Throws SwitchError EINVAL if the peer is an IPv6 multicast group. Only datagrams from the peer's own address are
 * accepted, but the members of a group send from other addresses.
 */
export function refuseIpv6Group(address: string): void {
  if (/^ff[0-9a-f]{2}:/i.test(address))
    throw new SwitchError(
      'EINVAL',
      `${address} is an IPv6 multicast group: only IPv4 groups, 224.0.0.0/4, can be joined`,
    );
}

/**
 * Returns the address of a path in the form in which the kernel reports senders: the address ends after the path's NUL.
 */
function senderAddress(path: string): Buffer {
  return formatAddress(path).subarray(0, 2 + Buffer.byteLength(path) + 1);
}

function attach(host: Host, transport: Transport, description: string, remove = () => {}): Backend {
  let reservation: Reservation;
  try {
    reservation = host.reserve();
  } catch (error) {
    native.closeDescriptor(transport.fd);
    if (transport.kind === 'multicast') native.closeDescriptor(transport.senderFd);
    throw error;
  }
  const ended = (why: string) => {
    host.log(`port ${reservation.port}: ${description} is closed: ${why}`, 'warning', {
      port: reservation.port,
      description,
      reason: why,
    });
    host.end();
  };
  reservation.attach({ transport, description, ended });
  return {
    close() {
      reservation.release();
      remove();
    },
  };
}
