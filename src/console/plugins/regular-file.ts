// Opens a regular file that was named on the console. A new file is accessible to its owner only. Other kinds of file,
// and a symbolic link as the last component, are refused, since in /tmp anybody could have made them.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type ErrnoName, SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';

const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface OpenFile {
  fd: number;
  path: string;
  /** The device and inode, which are equal for the same file under any name. */
  identity: string;
}

/**
 * Opens a file for writing, with additional `flags`. Throws a SwitchError with `code`, which differs between commands.
 */
export function openRegular(path: string, flags: number, code: ErrnoName): OpenFile {
  let fd: number;
  try {
    // Without O_NONBLOCK, open() would wait for a reader if the file is a pipe.
    fd = openSync(path, flags | O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    throw new SwitchError(code, `cannot open '${path}': ${describeError(error)}`);
  }
  const found = fstatSync(fd, { bigint: true });
  if (found.isFile()) return { fd, path, identity: `${found.dev}:${found.ino}` };
  closeSync(fd);
  throw new SwitchError(code, `cannot open '${path}': it is not a regular file`);
}
