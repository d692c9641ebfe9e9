// `KIND[,key=value…]` in the spelling of QEMU's -netdev: a key may have dots in it and may come again. What keys there are is
// the kind's business.
import { splitAtCommas, splitPair } from './comma-list.ts';
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
  const [key, value] = splitPair(word);
  if (key !== '' && value !== undefined) return [key, value];
  throw new SwitchError(
    'EINVAL',
    word === '' ? 'there is nothing between two commas of a port' : `'${word}' has no value: write ${word}=…`,
  );
}
