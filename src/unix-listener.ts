// Listening on a unix socket's path. Its file outlives the process that bound it, so one that nobody serves any more is
// replaced; a live one, and a file that is no socket, are left alone. Until its rights are granted only we may connect.
import { existsSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { describeError } from './errno.ts';
import { native } from './native.ts';
import { SwitchError } from './protocol/errors.ts';
import { PATH_MAX } from './protocol/request.ts';
import { grantSocket } from './socket-file.ts';

/**
 * Throws a sentence that names the path. The server removes the file when it is closed. With `fd`, somebody else (systemd)
 * has bound the path and listens already: that is taken over, and the file is theirs.
 */
export async function listenOnSocket(server: Server, path: string, fd?: number): Promise<void> {
  if (fd !== undefined) return takeOver(server, path, fd);
  checkSocketPath(path);
  await removeStaleSocket(path);
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) => {
      const code = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'EADDRINUSE' : 'EIO';
      // libuv calls a missing directory EACCES too.
      const why = existsSync(dirname(path)) ? error : { code: 'ENOENT' };
      reject(new SwitchError(code, `Could not bind to socket '${path}': ${describeError(why)}`));
    };
    server.once('error', failed);
    const before = native.setUmask(0o177);
    server.listen(path, () => {
      server.off('error', failed);
      resolve();
    });
    native.setUmask(before); // Node binds a path within listen()
  });
}

function takeOver(server: Server, path: string, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new SwitchError('EIO', `descriptor ${fd}, given for '${path}', cannot be used: ${describeError(error)}`)),
    );
    server.listen({ fd }, resolve);
  });
}

/** As listenOnSocket(), then lets others in. */
export async function listenAndGrant(
  server: Server,
  path: string,
  rights: { mode: number; gid?: number | undefined },
  fd?: number,
): Promise<void> {
  await listenOnSocket(server, path, fd);
  if (fd !== undefined) return;
  try {
    grantSocket(path, rights);
  } catch (error) {
    server.close();
    throw error;
  }
}

export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= PATH_MAX) return;
  throw new SwitchError(
    'ENAMETOOLONG',
    `'${path}' has ${length} bytes: a socket's path has room for ${PATH_MAX}; choose a shorter one`,
  );
}

/** Makes way for a socket. Throws a sentence where a live one, or another file, is there. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket())
    throw new SwitchError('EEXIST', `'${path}' is in the way and is not a socket: remove it or choose another path`);
  if (await isServed(path))
    throw new SwitchError('EADDRINUSE', `Could not bind to socket '${path}': Address already in use`);
  await unlink(path);
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
