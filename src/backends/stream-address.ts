// Where a stream is listened for or connected to: by TCP or by a unix socket.
import type { Socket } from 'node:net';
import { descriptorOf, native } from '../system/native.ts';
import { type Family, formatHostPort } from './internet.ts';
import { formatUnixName } from './unix-name.ts';

export type StreamAddress =
  | { type: 'inet'; host: string; port: number; family: Family; keepAlive: boolean }
  | { type: 'unix'; path: string }
  /** With the NUL before it. */
  | { type: 'abstract'; name: string };

export function formatStreamAddress(address: StreamAddress): string {
  if (address.type === 'inet') return formatHostPort(address.host, address.port);
  return formatUnixName(address.type === 'unix' ? address.path : address.name);
}

/**
 * Takes a connected socket out of Node's hands: returns a descriptor of our own. Nothing must have been read from it.
 * TCP sends each frame at once, in both roles.
 */
export function takeDescriptor(socket: Socket, keepAlive: boolean): number {
  socket.setNoDelay(true);
  socket.setKeepAlive(keepAlive);
  try {
    return native.duplicate(descriptorOf(socket));
  } finally {
    socket.destroy(); // closes Node's descriptor, and leaves the connection
  }
}
