// The directory that clients know a switch by: made or taken over with its rights, and removed at the end.
// What is not ours is left as it is: a live switch's directory, files that are not sockets, a directory with other things in it.
import { chmodSync, chownSync, lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { lstat, mkdir, readdir, realpath, rmdir } from 'node:fs/promises';
import { SwitchError } from '../protocol/errors.ts';
import { PATH_MAX } from '../protocol/request.ts';
import { groupOption } from '../system/accounts.ts';
import { describeError } from '../system/errno.ts';
import { grantSocket, OwnPath } from '../system/held-path.ts';

export interface DirectoryOptions {
  directory: string;
  /** Rights of the `ctl` socket; 0600 when neither this nor `dirMode` is given. */
  mode?: number;
  /** Rights of the directory. */
  dirMode?: number;
  /** Group of the directory, `ctl` and the data sockets. */
  group?: string;
}

const SET_GROUP_ID = 0o2000;
const DATA_SOCKET = /^\d{3,}\.\d+$/;
/** What a switch or its clients leave behind: `ctl`, `001.5`, `.01819-00000`. */
const OURS = /^(ctl|\d{3,}\.\d+|\.\d+-\d+)$/;

/** `ctl`'s and the directory's rights from what was given, as vde_switch derives them. */
export function directoryModes(options: { mode?: number; dirMode?: number }): { mode: number; dirMode: number } {
  const { mode, dirMode } = options;
  if (mode === undefined)
    return { mode: dirMode === undefined ? 0o600 : dirMode & 0o666, dirMode: dirMode ?? SET_GROUP_ID | 0o700 };
  // Whoever may read or write ctl may enter the directory.
  const enter = ((mode >> 1) | (mode >> 2)) & 0o111;
  return { mode, dirMode: dirMode ?? SET_GROUP_ID | (mode & 0o666) | enter };
}

export class ControlDirectory {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  readonly mode: number;
  readonly gid: number | undefined;
  readonly #dirMode: number;
  readonly #foreign: boolean;
  /** It was not there before. */
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
    this.#foreign = foreign;
  }

  /** Throws a sentence when it is no directory, or when it cannot be made. */
  static async open(options: DirectoryOptions, highestPort: number): Promise<ControlDirectory> {
    const gid = groupOption(options.group);
    checkLength(options.directory, highestPort);
    const found = await make(options.directory);
    const { path, made } = found;
    try {
      checkLength(path, highestPort); // symbolic links may have made it longer
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

  /** The data socket of an endpoint: `DIR/PPP.ID`. */
  dataPath(port: number, endpoint: number): string {
    return `${this.path}/${String(port).padStart(3, '0')}.${endpoint}`;
  }

  /**
   * Removes the data sockets that a switch left here when it was killed, whose names new clients will need. Only for who
   * has bound `ctl`, and before anybody is served.
   */
  removeLeftovers(): void {
    for (const name of readdirSync(this.path).filter((one) => DATA_SOCKET.test(one))) {
      const path = `${this.path}/${name}`;
      if (lstatSync(path).isSocket()) unlinkSync(path);
    }
  }

  /** To be called once `ctl` is bound: until here nobody but us could come in. */
  grant(): void {
    grantSocket(this.controlPath, { mode: this.mode, gid: this.gid });
    if (this.#foreign) return;
    if (this.gid !== undefined) chownSync(this.path, -1, this.gid);
    chmodSync(this.path, this.#dirMode);
  }

  /** Removes the directory when nothing is left in it. */
  remove(): void {
    try {
      this.#own.rmdir();
    } catch {
      // It stays for what is in it, or is another one by now.
    }
    this.#release();
  }

  /** Nothing has come of it: one that was there stays. */
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
