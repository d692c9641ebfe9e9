// Normalizes the option syntax of getopt_long_only(3), which vde_switch accepts, to plain long options. That syntax
// allows one dash or two, unique prefixes, aliases, `--opt=value` or `--opt value`, and short options that are bundled
// or directly followed by their value.
import type { Command } from 'commander';
import { nearestName } from '../protocol/nearest.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';

export interface OptionSpelling {
  /** The name in the normalized arguments, without the dashes. */
  long: string;
  aliases?: readonly string[];
  short?: string;
  takesValue: boolean;
  /** Whether the option must be written with its whole name, not with a prefix of it. */
  whole?: boolean;
}

/**
 * Returns the spellings of a command's options, --help included. `aliases` maps long option names to their other names;
 * `whole` lists the long names that must be written whole.
 */
export function spellingsOf(
  program: Command,
  aliases: Readonly<Record<string, readonly string[]>> = {},
  whole: readonly string[] = [],
): OptionSpelling[] {
  const own = program.options.map((option) => {
    const long = option.long!.slice(2);
    return {
      long,
      ...(option.short ? { short: option.short.slice(1) } : {}),
      aliases: aliases[long] ?? [],
      takesValue: option.required,
      whole: whole.includes(long),
    };
  });
  return [...own, { long: 'help', short: 'h', takesValue: false }];
}

/** Receives the message for an invalid option, which is then ignored instead of ending the program. */
export type Tolerate = (message: string) => void;

/** Returns `--sock=/dir --hub --numports=5` for `-s/dir -xn 5`. Operands are moved to the end, after `--`. */
export function normalize(argv: readonly string[], options: readonly OptionSpelling[], tolerate?: Tolerate): string[] {
  const canonical: string[] = [];
  const operands: string[] = [];
  for (let rest = [...argv]; rest.length > 0; ) {
    const leading = normalizeLeading(rest, options, tolerate);
    canonical.push(...leading.canonical);
    operands.push(...leading.rest.slice(0, leading.ended ? undefined : 1));
    rest = leading.ended ? [] : leading.rest.slice(1);
  }
  return operands.length === 0 ? canonical : [...canonical, '--', ...operands];
}

/** Does the same as normalize(), but stops at the first operand. `ended` is true if a `--` ended the options. */
export function normalizeLeading(
  argv: readonly string[],
  options: readonly OptionSpelling[],
  tolerate?: Tolerate,
): { canonical: string[]; rest: string[]; ended: boolean } {
  const canonical: string[] = [];
  const words = [...argv];
  while (words[0]?.startsWith('-') && words[0] !== '-') {
    const word = words.shift()!;
    if (word === '--') return { canonical, rest: words, ended: true };
    try {
      if (isShort(word, options)) canonical.push(...readShort(word.slice(1), words, options));
      else canonical.push(readLong(word, words, options));
    } catch (error) {
      if (!(tolerate && error instanceof ExitError)) throw error;
      tolerate(error.message);
    }
  }
  return { canonical, rest: words, ended: false };
}

/**
 * Returns whether a word consists of short options. `-s` is a short option if s is the name of one. For `-sx`, there
 * must in addition be no long option that `sx` can stand for.
 */
function isShort(word: string, options: readonly OptionSpelling[]): boolean {
  if (word.startsWith('--')) return false;
  const known = options.some(({ short }) => short === word[1]);
  return known && (word.length === 2 || candidates(nameOf(word), options).length === 0);
}

function readShort(letters: string, words: string[], options: readonly OptionSpelling[]): string[] {
  const read: string[] = [];
  for (let i = 0; i < letters.length; i++) {
    const option = options.find(({ short }) => short === letters[i]);
    if (!option)
      throw new ExitError(USAGE, `unknown option '-${letters[i]}' in '-${letters}'; --help lists the options`);
    if (!option.takesValue) {
      read.push(`--${option.long}`);
      continue;
    }
    const attached = letters.slice(i + 1);
    return [...read, `--${option.long}=${attached === '' ? nextWord(words, `-${letters[i]}`) : attached}`];
  }
  return read;
}

function readLong(word: string, words: string[], options: readonly OptionSpelling[]): string {
  const name = nameOf(word);
  const dashed = word.slice(0, word.indexOf(name) + name.length);
  const option = findLong(dashed, name, options);
  const equals = word.indexOf('=');
  if (!option.takesValue) {
    if (equals >= 0) throw new ExitError(USAGE, `option '${dashed}' takes no value`);
    return `--${option.long}`;
  }
  return `--${option.long}=${equals >= 0 ? word.slice(equals + 1) : nextWord(words, dashed)}`;
}

function findLong(dashed: string, name: string, options: readonly OptionSpelling[]): OptionSpelling {
  const exact = options.find((option) => namesOf(option).includes(name));
  if (exact) return exact;
  const found = candidates(name, options);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const names = found.map(({ long }) => `--${long}`).join(', ');
    throw new ExitError(USAGE, `option '${dashed}' is ambiguous: it may be ${names}`);
  }
  const nearest = nearestName(name, options.flatMap(namesOf));
  throw new ExitError(
    USAGE,
    `unknown option '${dashed}'${nearest ? `; did you mean '--${nearest}'?` : '; --help lists the options'}`,
  );
}

function candidates(prefix: string, options: readonly OptionSpelling[]): OptionSpelling[] {
  return options.filter((option) =>
    namesOf(option).some((name) => (option.whole ? name === prefix : name.startsWith(prefix))),
  );
}

function namesOf({ long, aliases = [] }: OptionSpelling): string[] {
  return [long, ...aliases];
}

function nameOf(word: string): string {
  return /^--?([^=]*)/.exec(word)![1]!;
}

function nextWord(words: string[], option: string): string {
  const word = words.shift();
  if (word === undefined) throw new ExitError(USAGE, `option '${option}' needs a value`);
  return word;
}
