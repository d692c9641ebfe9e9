// The text of a spec, `KIND[,key=value…]`, in the syntax of QEMU's -netdev: keys may contain dots and be repeated.
// Each kind defines its own keys, so they are not checked here.
import { splitAtCommas, splitPair } from './comma-list.ts';
import { SwitchError } from './errors.ts';

export interface PortSpec {
  kind: string;
  /** The keys and values in the order given, without `help`. */
  pairs: readonly (readonly [key: string, value: string])[];
  /** Whether the spec only asks for help, about all kinds or about the keys of its kind. */
  help: boolean;
}

const HELP = ['help', '?'];

/** Parses a spec. Throws SwitchError EINVAL. */
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
    word === '' ? 'a port spec has nothing between two commas' : `'${word}' has no value: write ${word}=…`,
  );
}
