// Listens on a unix socket's path. A stale socket is replaced; a live one, or a file that is not a socket, is kept.
// Node does not bind the path itself: on closing the server, Node would remove any file that has the path by then, even
// another switch's socket.
import { fstatSync, lstatSync, rmSync, type Stats } from 'node:fs';
import { connect, type Server } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { PATH_MAX } from '../protocol/request.ts';
import { describeError } from './errno.ts';
import { fileRemover, grantSocket } from './held-path.ts';
import { native } from './native.ts';

export interface SocketPermissions {
  mode: number;
  gid?: number | undefined;
}

/** A bound socket. Clients may connect at once, and wait until it is served. */
export class UnixListener {
  readonly #path: string;
  /** Undefined once the socket is closed. */
  #fd: number | undefined;
  /** Removes the socket's file; undefined if another program made the file. */
  readonly #remove: (() => void) | undefined;
  #server: Server | undefined;

  private constructor(path: string, fd: number, remove?: () => void) {
    this.#path = path;
    this.#fd = fd;
    this.#remove = remove;
  }

  /**
   * Binds a socket. Call makeWay() first. `held` is the way to the path through a held directory. Throws a SwitchError
   * that names the path.
   */
  static bind(path: string, held = path): UnixListener {
    const fd = bind(path);
    try {
      return new UnixListener(path, fd, fileRemover(path, held));
    } catch (error) {
      native.closeDescriptor(fd);
      throw error;
    }
  }

  /** Takes over `fd`, a listening socket that somebody else (systemd) has bound to the path. */
  static takeOver(path: string, fd: number): UnixListener {
    return new UnixListener(path, fd);
  }

  /**
   * Serves the socket. From now on, closing the server closes the socket and removes the file that bind() made. If the
   * socket cannot be served, closes it and removes the file.
   */
  async serve(server: Server): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) throw new SwitchError('EIO', `the socket '${this.#path}' is closed`);
    const socket = inode(fd);
    this.#server = server; // a close() from now on is the server's
    if (this.#remove) server.once('close', this.#remove);
    try {
      await listenOn(server, fd, this.#path);
    } catch (error) {
      this.#server = undefined;
      if (this.#remove) server.off('close', this.#remove);
      // Node closes the descriptor after some failures only.
      if (inode(fd) !== socket) this.#fd = undefined;
      await this.close();
      throw error;
    }
  }

  /** Stops listening. Accepted connections are the server owner's to close. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server) return new Promise((resolve) => server.close(() => resolve()));
    if (this.#fd !== undefined) native.closeDescriptor(this.#fd);
    this.#fd = undefined;
    this.#remove?.();
  }
}

/** Returns the inode of an open descriptor; undefined if the descriptor is closed. */
function inode(fd: number): number | undefined {
  try {
    return fstatSync(fd).ino;
  } catch {
    return undefined;
  }
}

/** Binds with a mode that lets only our own user connect. */
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

/** Serves a listening socket by its descriptor. Throws a SwitchError that names `name`. */
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

/** Binds like UnixListener.bind(), and then grants others access. */
export function bindAndGrant(path: string, permissions: SocketPermissions): UnixListener {
  const listener = UnixListener.bind(path);
  try {
    grantSocket(path, permissions);
    return listener;
  } catch (error) {
    void listener.close(); // synchronous, as nothing is served yet
    throw error;
  }
}

/** Replaces a stale socket, binds, grants access and serves. Closing the server removes the file. */
export async function listenAndGrant(server: Server, path: string, permissions: SocketPermissions): Promise<void> {
  await makeWay(path);
  await bindAndGrant(path, permissions).serve(server);
}

/**
 * Removes a stale socket. `held` is the way to the path through a held directory. Throws SwitchError if the path is too
 * long, or if a live socket or another kind of file is there.
 */
export async function makeWay(path: string, held = path): Promise<void> {
  const length = Buffer.byteLength(path);
  if (length > PATH_MAX)
    throw new SwitchError(
      'ENAMETOOLONG',
      `'${path}' has ${length} bytes: a socket's path has room for ${PATH_MAX}; choose a shorter one`,
    );
  const found = statOf(held);
  if (!found) return;
  if (!found.isSocket())
    throw new SwitchError('EEXIST', `'${path}' is in the way and is not a socket: remove it or choose another path`);
  if (await isServed(held))
    throw new SwitchError('EADDRINUSE', `Could not bind to socket '${path}': Address already in use`);
  rmSync(held, { force: true }); // its owner may have removed it meanwhile
}

/** Returns undefined if the file does not exist or cannot be reached: then bind() says why. */
function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Only ECONNREFUSED proves a stale file: other errors (no permission, full backlog) may come from a live socket.
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
