// Names of unix sockets in specs: a path, or an abstract name, which begins with a NUL for Node and the addon.
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SwitchError } from '../protocol/errors.ts';
import { PATH_MAX } from '../protocol/request.ts';

/**
 * Returns the name for Node and the addon. A `tight` abstract name is not padded with NULs. Throws SwitchError
 * ENAMETOOLONG.
 */
export function unixName(text: string, { abstract, tight }: { abstract: boolean; tight: boolean }): string {
  const name = abstract ? `\0${text}` : resolve(text);
  const size = Buffer.byteLength(name);
  if (size > PATH_MAX + (abstract ? 1 : 0))
    throw new SwitchError('ENAMETOOLONG', `'${text}' has ${size} bytes: a socket's name has room for ${PATH_MAX}`);
  return abstract && !tight ? name + '\0'.repeat(PATH_MAX + 1 - size) : name;
}

/**
 * Returns the names that the kernel may report for a peer. The kernel reports a path as the peer wrote it when it bound
 * its socket, so each of these is possible: the absolute path, the path as written (relative to the peer's directory),
 * and the path with symbolic links resolved. Throws SwitchError ENAMETOOLONG.
 */
export function spellings(text: string): [string, ...string[]] {
  const whole = unixName(text, { abstract: false, tight: true });
  const others = new Set([text, join(realDirectory(whole), basename(whole))]);
  others.delete(whole);
  return [whole, ...[...others].filter((name) => Buffer.byteLength(name) <= PATH_MAX)];
}

function realDirectory(path: string): string {
  try {
    return realpathSync(dirname(path));
  } catch {
    return dirname(path); // the directory does not exist yet
  }
}

export function formatUnixName(name: string): string {
  return name.startsWith('\0') ? `@${name.slice(1).replace(/\0+$/, '')}` : name;
}
