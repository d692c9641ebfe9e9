// Opening a file that somebody named on the console: created for its owner alone. Only a regular file is written to, and
// none behind a symbolic link in its last name, which in /tmp could be anybody's and point anywhere.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type ErrnoName, SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';

const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface OpenFile {
  fd: number;
  path: string;
  /** Device and inode: the same for the same file, whatever its name. */
  identity: string;
}

/** `flags` besides those for writing. Throws SwitchError with the code that the command has for it. */
export function openRegular(path: string, flags: number, code: ErrnoName): OpenFile {
  let fd: number;
  try {
    // A pipe that nobody reads would be waited for at open already.
    fd = openSync(path, flags | O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    throw new SwitchError(code, `cannot open '${path}': ${describeError(error)}`);
  }
  const found = fstatSync(fd, { bigint: true });
  if (found.isFile()) return { fd, path, identity: `${found.dev}:${found.ino}` };
  closeSync(fd);
  throw new SwitchError(code, `cannot open '${path}': it is not a regular file`);
}
