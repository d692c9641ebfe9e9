// The control directory, whose path is the name of a switch. It is made or taken over, given its permissions, and
// removed at the end. What is not ours is left unchanged: the directory of a live switch, files that are not sockets,
// and the permissions of a directory that holds other files.
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmdirSync, unlinkSync } from 'node:fs';
import { SwitchError } from '../protocol/errors.ts';
import { PATH_MAX } from '../protocol/request.ts';
import { groupOption } from '../system/accounts.ts';
import { describeError } from '../system/errno.ts';
import { grantSocket, HeldDirectory } from '../system/held-path.ts';
import type { DataFile } from './data-socket.ts';

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
/** Lets users rename and remove only their own files in a directory that they may write to. */
const STICKY = 0o1000;
const OTHERS_WRITE = 0o022;
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
  readonly #held: HeldDirectory;

  private constructor(
    { held, made }: FoundDirectory,
    options: DirectoryOptions,
    gid: number | undefined,
    foreign: boolean,
  ) {
    const { mode, dirMode } = directoryModes(options);
    this.path = held.path;
    this.#made = made;
    this.#held = held;
    this.mode = mode;
    this.gid = gid;
    this.#dirMode = dirMode;
    this.foreign = foreign;
  }

  /**
   * Makes the directory, or takes over an existing one. Throws SwitchError if the path is not a directory or cannot be
   * made.
   */
  static open(options: DirectoryOptions, highestPort: number): ControlDirectory {
    const gid = groupOption(options.group);
    checkLength(options.directory, highestPort);
    const found = make(options.directory);
    const { held, made } = found;
    try {
      checkLength(held.path, highestPort); // resolving symbolic links may have made the path longer
      const foreign = readdirSync(held.at()).some((name) => !OURS.test(name));
      return new ControlDirectory(found, options, gid, foreign);
    } catch (error) {
      if (made) removeQuietly(held.path);
      held.close();
      throw error;
    }
  }

  get controlPath(): string {
    return `${this.path}/ctl`;
  }

  /** The way to `controlPath` through the held directory. */
  get heldControlPath(): string {
    return this.#held.at('ctl');
  }

  /** Returns where an endpoint's data socket is bound, `DIR/PPP.ID`. */
  dataFile(port: number, endpoint: number): DataFile {
    const name = `${String(port).padStart(3, '0')}.${endpoint}`;
    return { path: `${this.path}/${name}`, held: this.#held.at(name) };
  }

  /**
   * Removes the data sockets that a killed switch left here, since new clients need the names of these sockets. Call it
   * after binding `ctl`, which proves that no other switch is alive, and before serving clients.
   */
  removeLeftovers(): void {
    for (const name of readdirSync(this.#held.at()).filter((one) => DATA_SOCKET.test(one))) {
      const path = this.#held.at(name);
      if (lstatSync(path).isSocket()) unlinkSync(path);
    }
  }

  /**
   * Sets the permissions of `ctl` and the directory. Before this call, only our own user can connect. A directory that
   * other users may write to is sticky, so that none of them replaces `ctl` or the socket of another client.
   */
  grant(): void {
    grantSocket(this.controlPath, { mode: this.mode, gid: this.gid }, this.heldControlPath);
    if (this.foreign) return;
    try {
      if (this.gid !== undefined) chownSync(this.#held.at(), -1, this.gid);
      chmodSync(this.#held.at(), this.#dirMode | (this.#dirMode & OTHERS_WRITE ? STICKY : 0));
    } catch (error) {
      throw Object.assign(error as Error, { path: this.path });
    }
  }

  /** Removes the directory if it is empty and still the one that open() made or took over. */
  remove(): void {
    try {
      this.#held.rmdir();
    } catch {
      // The directory contains other files, or another directory has its name by now.
    }
    this.#held.close();
  }

  /** Undoes open(): removes the directory only if we made it. */
  abandon(): void {
    if (this.#made) this.remove();
    else this.#held.close();
  }
}

interface FoundDirectory {
  held: HeldDirectory;
  made: boolean;
}

function make(directory: string): FoundDirectory {
  let made = true;
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    made = false;
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new SwitchError('EIO', `Cannot create ctl directory '${directory}': ${describeError(error)}`);
    }
  }
  try {
    return { held: new HeldDirectory(resolve(directory)), made };
  } catch (error) {
    if (made) removeQuietly(directory);
    if (error instanceof SwitchError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR')
      throw new SwitchError(
        'EEXIST',
        `'${directory}' is not a directory: name one for the switch's sockets, or a path that is free`,
      );
    throw new SwitchError('EIO', `Cannot open ctl directory '${directory}': ${describeError(error)}`);
  }
}

function resolve(directory: string): string {
  try {
    return realpathSync.native(directory);
  } catch (error) {
    throw new SwitchError('EIO', `Cannot resolve ctl dir path '${directory}': ${describeError(error)}`);
  }
}

/** Removes a directory that we made. If another program has put files into it, keeps it. */
function removeQuietly(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // The reason why it is removed is reported instead.
  }
}

/** Throws SwitchError ENAMETOOLONG if the path leaves no room for the socket names of ports up to `highestPort`. */
export function checkLength(path: string, highestPort: number): void {
  const longest = `/${'0'.repeat(Math.max(3, String(highestPort).length))}.9999`;
  const room = PATH_MAX - longest.length;
  const length = Buffer.byteLength(path);
  if (length <= room) return;
  throw new SwitchError(
    'ENAMETOOLONG',
    `the directory '${path}' has ${length} bytes: with the names of its sockets there is room for ${room}; choose a shorter one`,
  );
}
