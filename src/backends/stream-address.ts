// The address of a stream socket, for listening or connecting: TCP, a unix socket's path or an abstract name. Also
// takes the descriptors of connected sockets from Node.
import type { Socket } from 'node:net';
import type { Transport } from '../system/engine.ts';
import { descriptorOf, native } from '../system/native.ts';
import { type Family, formatHostPort } from './internet.ts';
import { formatUnixName } from './unix-name.ts';

export type StreamAddress =
  | { type: 'inet'; host: string; port: number; family: Family; keepAlive: boolean }
  | { type: 'unix'; path: string }
  /** The name begins with a NUL. */
  | { type: 'abstract'; name: string };

export function formatStreamAddress(address: StreamAddress): string {
  if (address.type === 'inet') return formatHostPort(address.host, address.port);
  return formatUnixName(address.type === 'unix' ? address.path : address.name);
}

/** The transport for a descriptor from takeDescriptor() or dial(): each frame follows its length. */
export const asStream = (fd: number, padding = true): Transport => ({ kind: 'stream', fd, padding });

/**
 * Takes a connected socket away from Node and returns a descriptor of our own. Nothing must have been read from the
 * socket. Nagle's algorithm is switched off, so that TCP sends each frame at once.
 */
export function takeDescriptor(socket: Socket, keepAlive: boolean): number {
  socket.setNoDelay(true);
  socket.setKeepAlive(keepAlive);
  try {
    return native.duplicate(descriptorOf(socket));
  } finally {
    socket.destroy(); // closes only Node's descriptor; the connection stays open
  }
}
