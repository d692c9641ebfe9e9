// Names of unix sockets as specs write them: a path, or a name in the abstract namespace, which Node and the addon have behind
// a NUL.
import { resolve } from 'node:path';
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

export function formatUnixName(name: string): string {
  return name.startsWith('\0') ? `@${name.slice(1).replace(/\0+$/, '')}` : name;
}
