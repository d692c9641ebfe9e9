// Parses the words KEY=VALUE of commands such as capture/add.
import { SwitchError } from '../protocol/errors.ts';
import { checkOptions } from '../protocol/options.ts';

/**
 * Parses words `KEY=VALUE`. A value with spaces is enclosed in double quotes, in which `\"` and `\\` stand for the
 * characters `"` and `\`. The value of the key `last` is the rest of the line, as it is. Throws SwitchError EINVAL for
 * other words, repeated keys and keys that are not in `keys`.
 */
export function parsePairs<Key extends string>(
  text: string,
  keys: Readonly<Record<Key, true>>,
  last?: NoInfer<Key>,
): Partial<Record<Key, string>> {
  const values: Record<string, string> = {};
  for (let rest = text.trim(); rest !== ''; ) {
    const [word, key = '', given = ''] =
      /^([^\s=]+)=("(?:[^"\\]|\\.)*"(?!\S)|[^\s"]\S*|(?!\S))/s.exec(rest) ?? refuse(rest);
    if (Object.hasOwn(values, key)) throw new SwitchError('EINVAL', `'${key}' is given twice`);
    values[key] = key === last ? rest.slice(key.length + 1) : unquoted(given);
    rest = key === last ? '' : rest.slice(word.length).trimStart();
  }
  checkOptions(values, keys);
  return values as Partial<Record<Key, string>>;
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : value;
}

function refuse(rest: string): never {
  if (/^[^\s=]+="/.test(rest))
    throw new SwitchError(
      'EINVAL',
      `the value of '${rest.slice(0, rest.indexOf('='))}' is not enclosed in double quotes`,
    );
  throw new SwitchError('EINVAL', `'${/^\S+/.exec(rest)?.[0]}' is not KEY=VALUE`);
}
