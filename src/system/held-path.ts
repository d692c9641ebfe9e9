// Files in directories that others may write to, identified by inode instead of by name. Between two calls that use a
// path, anyone who may write to its directory can put another file there, and so can a switch started after us. So a
// socket is held by an O_PATH descriptor while it is checked, connected to or given away, and only files that we made
// are removed.
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SwitchError } from '../protocol/errors.ts';

/** open(2): a descriptor that identifies a file without permission to read or write it. Node has no name for it. */
const O_PATH = 0o10000000;
const UNCHANGED = -1; // chown(2): leave this ID as it is

/** Changes a socket's mode and owner. Throws SwitchError EIO if `path` is not a socket; system errors carry `path`. */
export function grantSocket(
  path: string,
  permissions: { mode: number; uid?: number | undefined; gid?: number | undefined },
): void {
  const { mode, uid = UNCHANGED, gid = UNCHANGED } = permissions;
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isSocket())
      throw new SwitchError('EIO', `'${path}' was replaced by a file that is not a socket`);
    if (uid !== UNCHANGED || gid !== UNCHANGED) chownSync(nameOf(fd), uid, gid);
    chmodSync(nameOf(fd), mode);
  } catch (error) {
    throw error instanceof SwitchError ? error : Object.assign(error as Error, { path });
  } finally {
    closeSync(fd);
  }
}

/** Opens a socket's file for connecting: until `file` is closed, `name` refers to it whatever happens to `path`. */
export async function holdSocket(path: Buffer): Promise<{ file: FileHandle; name: string }> {
  const file = await open(path, O_PATH);
  return { file, name: nameOf(file.fd) };
}

/** A file or directory that we made, and that is removed only while it is still the same inode. */
export class OwnPath {
  readonly path: string;
  readonly #device: bigint;
  readonly #inode: bigint;

  /** Call it right after making the file. The inode number can be reused unless the file is held open: see `hold`. */
  constructor(path: string) {
    const { dev, ino } = lstatSync(path, { bigint: true });
    this.path = path;
    this.#device = dev;
    this.#inode = ino;
  }

  /** Removes the file if it still exists. Throws SwitchError EEXIST if another file has its name; system errors. */
  unlink(): void {
    if (this.#isThere()) unlinkSync(this.path);
  }

  /** Removes the directory if it still exists. Throws as `unlink` does, and ENOTEMPTY. */
  rmdir(): void {
    if (this.#isThere()) rmdirSync(this.path);
  }

  /** Keeps the inode number from being reused while nothing else holds the file open. Returns the release function. */
  hold(): () => void {
    const fd = openSync(this.path, O_PATH);
    return () => closeSync(fd);
  }

  #isThere(): boolean {
    const found = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (!found) return false;
    if (found.dev === this.#device && found.ino === this.#inode) return true;
    throw new SwitchError('EEXIST', `'${this.path}' was replaced by another file, which is kept`);
  }
}

/** Call it right after making a file. Returns an idempotent function that removes the file, unless another has its name by then. */
export function fileRemover(path: string): () => void {
  const file = new OwnPath(path);
  const release = file.hold();
  let removed = false;
  return () => {
    if (removed) return;
    removed = true;
    try {
      file.unlink();
    } catch {
      // Another file has its name now, and is kept.
    }
    release();
  };
}

function nameOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
