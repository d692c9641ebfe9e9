// A file that we have made, known by what it is and not by its name: whoever may write to its directory can have put another
// there, and so can a switch that came after us. At the end only what is ours is removed.
import { closeSync, lstatSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { SwitchError } from './protocol/errors.ts';
import { O_PATH } from './socket-file.ts';

export class OwnPath {
  readonly path: string;
  readonly #device: bigint;
  readonly #inode: bigint;

  /** It has just been made. Only while somebody has it open no other file can be given its number: see `hold`. */
  constructor(path: string) {
    const { dev, ino } = lstatSync(path, { bigint: true });
    this.path = path;
    this.#device = dev;
    this.#inode = ino;
  }

  /** One that is gone is none to remove. Throws SwitchError EEXIST where another is in its place; the system's errors. */
  unlink(): void {
    if (this.#isThere()) unlinkSync(this.path);
  }

  /** Likewise, of a directory, and one with something in it. */
  rmdir(): void {
    if (this.#isThere()) rmdirSync(this.path);
  }

  /** For who has it not open anyway. Returns what lets go of it. */
  hold(): () => void {
    const fd = openSync(this.path, O_PATH);
    return () => closeSync(fd);
  }

  #isThere(): boolean {
    const found = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (!found) return false;
    if (found.dev === this.#device && found.ino === this.#inode) return true;
    throw new SwitchError('EEXIST', `'${this.path}' is not what was made there, and stays`);
  }
}
