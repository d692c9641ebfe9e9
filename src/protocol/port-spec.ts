// `KIND[,key=value…]` in the spelling of QEMU's -netdev: a doubled comma is one that belongs to a value, a key may have dots
// in it and may come again. What keys there are is the kind's business.
import { SwitchError } from './errors.ts';

export interface PortSpec {
  kind: string;
  /** In their order; `help` alone is a pair too. */
  pairs: readonly (readonly [key: string, value: string])[];
  /** Nothing is to be opened: its kinds, or the kind's keys, are asked for. */
  help: boolean;
}

const HELP = ['help', '?'];

/** EINVAL, with a sentence. */
export function parsePortSpec(text: string): PortSpec {
  const [first = '', ...rest] = splitAtCommas(text);
  const kind = first.replace(/^type=/, '');
  if (kind === '' || kind.includes('='))
    throw new SwitchError('EINVAL', `'${text}' names no kind of port: write KIND,key=value,…`);
  const words = rest.filter((word) => !HELP.includes(word));
  return { kind, pairs: words.map(parsePair), help: HELP.includes(kind) || words.length < rest.length };
}

function parsePair(word: string): [string, string] {
  const equals = word.indexOf('=');
  if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)];
  throw new SwitchError(
    'EINVAL',
    word === '' ? 'there is nothing between two commas of a port' : `'${word}' has no value: write ${word}=…`,
  );
}

function splitAtCommas(text: string): string[] {
  const words: string[] = [''];
  for (const piece of text.match(/,,|,|[^,]+/g) ?? []) {
    if (piece === ',') words.push('');
    else words[words.length - 1] += piece === ',,' ? ',' : piece;
  }
  return words;
}
