// Listening on a unix socket's path. Its file outlives the process that bound it, so one that nobody serves any more is
// replaced; a live one, and a file that is no socket, are left alone. Until its rights are granted only we may connect.
// Not by Node's own binding: that removes whatever has the name at the end, which may be another switch's by then.
import { lstat, rm } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { PATH_MAX } from '../protocol/request.ts';
import { describeError } from './errno.ts';
import { grantSocket, OwnPath } from './held-path.ts';
import { native } from './native.ts';

export interface SocketRights {
  mode: number;
  gid?: number | undefined;
}

/** A socket that others may connect to; they wait in it until it is served. */
export class UnixListener {
  readonly #path: string;
  readonly #fd: number;
  /** Removes the file; undefined where that is somebody else's. */
  readonly #remove: (() => void) | undefined;
  #server: Server | undefined;

  private constructor(path: string, fd: number, remove?: () => void) {
    this.#path = path;
    this.#fd = fd;
    this.#remove = remove;
  }

  /** Once makeWay() has. Throws a sentence that names the path. */
  static bind(path: string): UnixListener {
    const fd = bind(path);
    try {
      return new UnixListener(path, fd, remover(path));
    } catch (error) {
      native.closeDescriptor(fd);
      throw error;
    }
  }

  /** `fd`: of a socket that somebody else (systemd) has bound to the path, and that listens. */
  static takeOver(path: string, fd: number): UnixListener {
    return new UnixListener(path, fd);
  }

  /** From here on the socket and its file end with the server. */
  serve(server: Server): Promise<void> {
    this.#server = server;
    const remove = this.#remove;
    if (remove) server.once('close', remove);
    return listenOn(server, this.#fd, this.#path);
  }

  /** Of who was served the server's owner takes care. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server) return new Promise((resolve) => server.close(() => resolve()));
    native.closeDescriptor(this.#fd);
    this.#remove?.();
  }
}

/** Only we may connect yet. */
function bind(path: string): number {
  const before = native.setUmask(0o177);
  try {
    return native.listenUnix(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'EADDRINUSE' : 'EIO';
    throw new SwitchError(code, `Could not bind to socket '${path}': ${describeError(error)}`);
  } finally {
    native.setUmask(before);
  }
}

/** It is held, since the server closes its socket first. */
function remover(path: string): () => void {
  const file = new OwnPath(path);
  const release = file.hold();
  return () => {
    try {
      file.unlink();
    } catch {
      // It stays, as somebody else's does.
    }
    release();
  };
}

/** By a descriptor of a socket that listens. Throws a sentence that names `name`. */
export function listenOn(server: Server, fd: number, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) =>
      reject(new SwitchError('EIO', `descriptor ${fd}, given for '${name}', cannot be used: ${describeError(error)}`));
    server.once('error', failed);
    server.listen({ fd }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** As UnixListener.bind(), then lets others in. */
export function bindAndGrant(path: string, rights: SocketRights): UnixListener {
  const listener = UnixListener.bind(path);
  try {
    grantSocket(path, rights);
    return listener;
  } catch (error) {
    void listener.close(); // at once, where nobody is served yet
    throw error;
  }
}

/** All at once; the file is removed when the server is closed. */
export async function listenAndGrant(server: Server, path: string, rights: SocketRights): Promise<void> {
  await makeWay(path);
  await bindAndGrant(path, rights).serve(server);
}

/** For a socket. Throws a sentence where a live one, or another file, is there, and where the path is too long for one. */
export async function makeWay(path: string): Promise<void> {
  const length = Buffer.byteLength(path);
  if (length > PATH_MAX)
    throw new SwitchError(
      'ENAMETOOLONG',
      `'${path}' has ${length} bytes: a socket's path has room for ${PATH_MAX}; choose a shorter one`,
    );
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket())
    throw new SwitchError('EEXIST', `'${path}' is in the way and is not a socket: remove it or choose another path`);
  if (await isServed(path))
    throw new SwitchError('EADDRINUSE', `Could not bind to socket '${path}': Address already in use`);
  await rm(path, { force: true }); // whoever left it may have removed it meanwhile
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Refused is the one answer that proves the file is stale; any other (no right, backlog full) may be a live one's.
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
