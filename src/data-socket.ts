// The switch's end of a client's frames: a datagram socket, bound to DIR/PPP.ID and connected to the client's own.
import { native } from './native.ts';
import { OwnPath } from './own-path.ts';
import { isUnnamed } from './protocol/request.ts';

export interface DataSocket {
  fd: number;
  file: OwnPath;
}

/** Throws the system's errors, and leaves nothing behind then. */
export function openDataSocket(path: string, peer: Buffer): DataSocket {
  const fd = native.openDatagram(path, isUnnamed(peer) ? null : peer);
  try {
    return { fd, file: new OwnPath(path) };
  } catch (error) {
    native.closeDescriptor(fd);
    throw error;
  }
}
