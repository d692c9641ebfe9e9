// A unix socket's file outlives the process that bound it. Before binding again: is somebody there?
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { SwitchError } from './protocol/errors.ts';

/** Removes a socket that nobody listens on. Throws when somebody does, or when the file is not a socket at all. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket()) throw new SwitchError('EEXIST', `'${path}' is in the way and is not a socket: remove it or choose another path`);
  if (await isServed(path)) throw new SwitchError('EADDRINUSE', `Could not bind to socket '${path}': Address already in use`);
  await unlink(path);
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Refused is the one answer that proves the file is stale; anything else (no right, backlog full) may be a live one.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}
