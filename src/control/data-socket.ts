// The switch's data socket for one client: a datagram socket bound to DIR/PPP.ID and, if the client's socket has a
// name, connected to it.

import { SwitchError } from '../protocol/errors.ts';
import { isUnnamed } from '../protocol/request.ts';
import { describeError } from '../system/errno.ts';
import { OwnPath } from '../system/held-path.ts';
import { native } from '../system/native.ts';

/**
 * The name of a data socket: its path, and (`held`) the path to the same file through the directory's open descriptor;
 * see HeldDirectory.
 */
export interface DataFile {
  path: string;
  held: string;
}

export interface DataSocket {
  endpoint: number;
  fd: number;
  file: OwnPath;
}

/**
 * How many endpoint IDs are tried for one client. An ID is skipped if a file already has the data socket's name: the
 * file may be another program's, and is kept.
 */
const TRIES = 50;

/**
 * Opens a data socket under the first endpoint ID whose file name is free. Throws SwitchError and system errors, and
 * then leaves nothing behind.
 */
export function openDataSocket(nextId: () => number, fileOf: (id: number) => DataFile, peer: Buffer): DataSocket {
  for (let tries = 1; ; tries++) {
    const endpoint = nextId();
    const file = fileOf(endpoint);
    try {
      return { endpoint, ...open(file, peer) };
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (syscall !== 'bind') throw error;
      if (code !== 'EADDRINUSE' || tries === TRIES)
        throw new SwitchError('EIO', `${code}: cannot bind '${file.path}': ${describeError(error)}`);
    }
  }
}

function open({ path, held }: DataFile, peer: Buffer): Omit<DataSocket, 'endpoint'> {
  const fd = native.openDatagram(path, isUnnamed(peer) ? null : peer);
  try {
    return { fd, file: new OwnPath(path, held) };
  } catch (error) {
    native.closeDescriptor(fd);
    throw error;
  }
}
