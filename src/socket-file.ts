// A socket's file taken hold of by what it is and not by its name. Whoever may write to its directory could put another file
// under that name between two calls that use it, and have root give that away or send into it.
import { chmodSync, chownSync, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SwitchError } from './protocol/errors.ts';

/** open(2): a hold of a file that can be neither read nor written; Node has no name for it. */
export const O_PATH = 0o10000000;
const ONLY_ITSELF = -1; // chown(2)'s "as it is"

/** Throws the system's errors, with `path`. */
export function grantSocket(
  path: string,
  rights: { mode: number; uid?: number | undefined; gid?: number | undefined },
): void {
  const { mode, uid = ONLY_ITSELF, gid = ONLY_ITSELF } = rights;
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isSocket()) throw new SwitchError('EIO', `'${path}' was replaced by what is no socket`);
    if (uid !== ONLY_ITSELF || gid !== ONLY_ITSELF) chownSync(nameOf(fd), uid, gid);
    chmodSync(nameOf(fd), mode);
  } catch (error) {
    throw error instanceof SwitchError ? error : Object.assign(error as Error, { path });
  } finally {
    closeSync(fd);
  }
}

/** For who connects to it: `name` leads to it whatever becomes of `path`, until the file is closed. */
export async function holdSocket(path: Buffer): Promise<{ file: FileHandle; name: string }> {
  const file = await open(path, O_PATH);
  return { file, name: nameOf(file.fd) };
}

function nameOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
