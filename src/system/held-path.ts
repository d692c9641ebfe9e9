// Identifies files by inode instead of by name, in directories that others may write to. Between two calls that use a
// path, anyone who may write to its directory can put another file there, and so can a switch started after us. So a
// socket is held by an O_PATH descriptor while it is checked, connected to or given away, and a file or directory is
// removed only if it is still the one that we made or took over.
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

/**
 * The open(2) flag for a descriptor that identifies a file but cannot read or write it. Node has no constant for it.
 */
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

/**
 * Opens a socket's file for connecting. Until `file` is closed, `name` refers to that socket whatever happens to
 * `path`.
 */
export async function holdSocket(path: Buffer): Promise<{ file: FileHandle; name: string }> {
  const file = await open(path, O_PATH);
  return { file, name: nameOf(file.fd) };
}

/** A file or directory that we made or took over. It is removed only if its path still leads to the same inode. */
export class OwnPath {
  readonly path: string;
  readonly #device: bigint;
  readonly #inode: bigint;

  /**
   * Records the file at `path`. Call this right after making the file. If the file is removed, the kernel may reuse its
   * inode number, unless the file is held: see `hold`.
   */
  constructor(path: string) {
    const { dev, ino } = lstatSync(path, { bigint: true });
    this.path = path;
    this.#device = dev;
    this.#inode = ino;
  }

  /**
   * Removes the file if it still exists. Throws SwitchError EEXIST if another file has taken its name. Also throws
   * system errors.
   */
  unlink(): void {
    if (this.#isThere()) unlinkSync(this.path);
  }

  /** Removes the directory if it still exists. Throws the same errors as `unlink`, and ENOTEMPTY. */
  rmdir(): void {
    if (this.#isThere()) rmdirSync(this.path);
  }

  /** Holds the file by a descriptor, so that its inode number is not reused. Returns the function that releases it. */
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

/**
 * Returns an idempotent function that removes the file, unless another file has its name by then. Call fileRemover()
 * right after making the file.
 */
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
      // Another file has the name now. It is kept.
    }
    release();
  };
}

function nameOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
