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

/** A directory held by a descriptor: the names that at() returns lead into it whatever happens to its path. */
export class HeldDirectory {
  readonly path: string;
  readonly #fd: number;
  #closed = false;

  /** Throws system errors, such as ENOTDIR if the path is not a directory. */
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  }

  /** Returns a path of a file in the directory; without a name, a path of the directory itself. */
  at(name?: string): string {
    return name === undefined ? nameOf(this.#fd) : `${nameOf(this.#fd)}/${name}`;
  }

  /**
   * Removes the directory. Throws SwitchError EEXIST if its path leads to another file by now. Also throws system
   * errors, such as ENOTEMPTY.
   */
  rmdir(): void {
    const found = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (!found) return;
    if (!isSame(found, fstatSync(this.#fd, { bigint: true }))) throw replaced(this.path);
    rmdirSync(this.path);
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }
}

/**
 * Changes the mode and owner of the socket at `held`, which is `path` or another way to the same file. Throws
 * SwitchError EIO if the file is not a socket; system errors carry `path`.
 */
export function grantSocket(
  path: string,
  permissions: { mode: number; uid?: number | undefined; gid?: number | undefined },
  held = path,
): void {
  const { mode, uid = UNCHANGED, gid = UNCHANGED } = permissions;
  const fd = openSync(held, O_PATH | constants.O_NOFOLLOW);
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

/** A file that we made or took over. It is removed only if its path still leads to the same inode. */
export class OwnPath {
  readonly path: string;
  readonly #held: string;
  readonly #identity: Identity;

  /**
   * Records the file at `held`, which is `path` or the way to the same file through a held directory. Call this right
   * after making the file. If the file is removed, the kernel may reuse its inode number, unless the file is held: see
   * `hold`. Throws SwitchError EEXIST if `path` leads to another file. Also throws system errors.
   */
  constructor(path: string, held = path) {
    const found = lstatSync(held, { bigint: true, throwIfNoEntry: false });
    const named = held === path ? found : lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!found || !named || !isSame(found, named))
      throw new SwitchError('EEXIST', `'${path}' or its directory was replaced by another file`);
    this.path = path;
    this.#held = held;
    this.#identity = found;
  }

  /**
   * Removes the file if it still exists. Throws SwitchError EEXIST if another file has taken its name. Also throws
   * system errors.
   */
  unlink(): void {
    if (this.#isThere()) unlinkSync(this.#held);
  }

  /** Holds the file by a descriptor, so that its inode number is not reused. Returns the function that releases it. */
  hold(): () => void {
    const fd = openSync(this.#held, O_PATH);
    return () => closeSync(fd);
  }

  #isThere(): boolean {
    const found = lstatSync(this.#held, { bigint: true, throwIfNoEntry: false });
    if (!found) return false;
    if (isSame(found, this.#identity)) return true;
    throw replaced(this.path);
  }
}

/**
 * Returns an idempotent function that removes the file, unless another file has its name by then. Call fileRemover()
 * right after making the file. `held` is as for OwnPath.
 */
export function fileRemover(path: string, held = path): () => void {
  const file = new OwnPath(path, held);
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

interface Identity {
  dev: bigint;
  ino: bigint;
}

function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function replaced(path: string): SwitchError {
  return new SwitchError('EEXIST', `'${path}' was replaced by another file, which is kept`);
}

function nameOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
