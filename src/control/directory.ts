// The control directory, whose path is the name of a switch. It is made or taken over, given its permissions, and
// removed at the end. What is not ours is left unchanged: the directory of a live switch, files that are not sockets,
// and the permissions of a directory that holds other files.
import { chmodSync, chownSync, lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { lstat, mkdir, readdir, realpath, rmdir } from 'node:fs/promises';
import { SwitchError } from '../protocol/errors.ts';
import { PATH_MAX } from '../protocol/request.ts';
import { groupOption } from '../system/accounts.ts';
import { describeError } from '../system/errno.ts';
import { grantSocket, OwnPath } from '../system/held-path.ts';

/** A control directory and its permissions. */
export interface DirectoryOptions {
  /** The path of the directory, which is created if it does not exist. */
  directory: string;
  /** Permissions of the `ctl` socket; 0600 when neither this nor `dirMode` is given. */
  mode?: number;
  /** Permissions of the directory; by default, users who may use `ctl` may enter it. */
  dirMode?: number;
  /** The name of the group of the directory, `ctl` and the data sockets. */
  group?: string;
}

const SET_GROUP_ID = 0o2000;
const DATA_SOCKET = /^\d{3,}\.\d+$/;
/** Matches the names of files that a switch or its clients leave behind: `ctl`, `001.5`, `.01819-00000`. */
const OURS = /^(ctl|\d{3,}\.\d+|\.\d+-\d+)$/;

/** Returns the permissions of `ctl` and of the directory, derived as in vde_switch. */
export function directoryModes(options: { mode?: number; dirMode?: number }): { mode: number; dirMode: number } {
  const { mode, dirMode } = options;
  if (mode === undefined)
    return { mode: dirMode === undefined ? 0o600 : dirMode & 0o666, dirMode: dirMode ?? SET_GROUP_ID | 0o700 };
  // Users who may read or write ctl must be able to enter the directory.
  const enter = ((mode >> 1) | (mode >> 2)) & 0o111;
  return { mode, dirMode: dirMode ?? SET_GROUP_ID | (mode & 0o666) | enter };
}

export class ControlDirectory {
  /** The absolute path, with symbolic links resolved. */
  readonly path: string;
  readonly mode: number;
  readonly gid: number | undefined;
  readonly #dirMode: number;
  /** Whether the directory holds files that are not a switch's. If so, it keeps its permissions and group. */
  readonly foreign: boolean;
  /** Whether we made the directory. */
  readonly #made: boolean;
  readonly #own: OwnPath;
  readonly #release: () => void;

  private constructor(
    { path, made }: FoundDirectory,
    options: DirectoryOptions,
    gid: number | undefined,
    foreign: boolean,
  ) {
    const { mode, dirMode } = directoryModes(options);
    this.path = path;
    this.#made = made;
    this.#own = new OwnPath(path);
    this.#release = this.#own.hold();
    this.mode = mode;
    this.gid = gid;
    this.#dirMode = dirMode;
    this.foreign = foreign;
  }

  /**
   * Makes the directory, or takes over an existing one. Throws SwitchError if the path is not a directory or cannot be
   * made.
   */
  static async open(options: DirectoryOptions, highestPort: number): Promise<ControlDirectory> {
    const gid = groupOption(options.group);
    checkLength(options.directory, highestPort);
    const found = await make(options.directory);
    const { path, made } = found;
    try {
      checkLength(path, highestPort); // resolving symbolic links may have made the path longer
      const foreign = (await readdir(path)).some((name) => !OURS.test(name));
      return new ControlDirectory(found, options, gid, foreign);
    } catch (error) {
      if (made) await rmdir(path).catch(() => {});
      throw error;
    }
  }

  get controlPath(): string {
    return `${this.path}/ctl`;
  }

  /** Returns the path of an endpoint's data socket, `DIR/PPP.ID`. */
  dataPath(port: number, endpoint: number): string {
    return `${this.path}/${String(port).padStart(3, '0')}.${endpoint}`;
  }

  /**
   * Removes the data sockets that a killed switch left here, since new clients need the names of these sockets. Call it
   * after binding `ctl`, which proves that no other switch is alive, and before serving clients.
   */
  removeLeftovers(): void {
    for (const name of readdirSync(this.path).filter((one) => DATA_SOCKET.test(one))) {
      const path = `${this.path}/${name}`;
      if (lstatSync(path).isSocket()) unlinkSync(path);
    }
  }

  /** Sets the permissions of `ctl` and the directory. Before this call, only our own user can connect. */
  grant(): void {
    grantSocket(this.controlPath, { mode: this.mode, gid: this.gid });
    if (this.foreign) return;
    if (this.gid !== undefined) chownSync(this.path, -1, this.gid);
    chmodSync(this.path, this.#dirMode);
  }

  /** Removes the directory if it is empty and still the one that open() made or took over. */
  remove(): void {
    try {
      this.#own.rmdir();
    } catch {
      // The directory contains other files, or another directory has its name by now.
    }
    this.#release();
  }

  /** Undoes open(): removes the directory only if we made it. */
  abandon(): void {
    if (this.#made) this.remove();
    else this.#release();
  }
}

interface FoundDirectory {
  path: string;
  made: boolean;
}

async function make(directory: string): Promise<FoundDirectory> {
  let made = true;
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    made = false;
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new SwitchError('EIO', `Cannot create ctl directory '${directory}': ${describeError(error)}`);
    }
  }
  const path = await realpath(directory).catch((error) => {
    throw new SwitchError('EIO', `Cannot resolve ctl dir path '${directory}': ${describeError(error)}`);
  });
  if (!(await lstat(path)).isDirectory()) {
    throw new SwitchError(
      'EEXIST',
      `'${directory}' is not a directory: name one for the switch's sockets, or a path that is free`,
    );
  }
  return { path, made };
}

function checkLength(path: string, highestPort: number): void {
  const longest = `/${'0'.repeat(Math.max(3, String(highestPort).length))}.9999`;
  const room = PATH_MAX - longest.length;
  const length = Buffer.byteLength(path);
  if (length <= room) return;
  throw new SwitchError(
    'ENAMETOOLONG',
    `the directory '${path}' has ${length} bytes: with the names of its sockets there is room for ${room}; choose a shorter one`,
  );
}
