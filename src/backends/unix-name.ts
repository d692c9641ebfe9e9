// Names of unix sockets as specs write them: a path, or a name in the abstract namespace, which Node and the addon have behind
// a NUL.
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SwitchError } from '../protocol/errors.ts';
import { PATH_MAX } from '../protocol/request.ts';

/** `tight`: an abstract name that is not filled up with NULs. Throws ENAMETOOLONG. */
export function unixName(text: string, { abstract, tight }: { abstract: boolean; tight: boolean }): string {
  const name = abstract ? `\0${text}` : resolve(text);
  const size = Buffer.byteLength(name);
  if (size > PATH_MAX + (abstract ? 1 : 0))
    throw new SwitchError('ENAMETOOLONG', `'${text}' has ${size} bytes: a socket's name has room for ${PATH_MAX}`);
  return abstract && !tight ? name + '\0'.repeat(PATH_MAX + 1 - size) : name;
}

/**
 * What a socket's path may have been bound as, which is the name that the kernel tells of a sender: whole; as it is written
 * here, relative to who bound it; and in its directory's own name, where links lead there. Throws ENAMETOOLONG.
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
    return dirname(path); // not there yet
  }
}

export function formatUnixName(name: string): string {
  return name.startsWith('\0') ? `@${name.slice(1).replace(/\0+$/, '')}` : name;
}
