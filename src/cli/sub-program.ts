// Code that is shared by the words of tsvdectl with options of their own: capture, events, expect, extcap and wait.
import { type Command, CommanderError } from 'commander';
import { parseSeconds } from '../ctl/words.ts';
import { ExitError } from '../system/exit-error.ts';

/** The arguments of such a word, and the options of tsvdectl that precede it. */
export interface Invocation {
  words: readonly string[];
  /** Returns the console's path. To be called only after the words were checked. Throws ExitError. */
  path: () => string;
  /** How long the console may be silent while a reply is expected, in seconds. */
  timeout: number;
  json: boolean;
  say(sentence: string): void;
}

/** The exit code if a condition does not hold in time, or an expected frame does not come. */
export const NOT_IN_TIME = 1;

/** Parses words. Throws ExitError with `exitCode` if they are wrong, and with 0 after the help was shown. */
export function parseWords(program: Command, words: readonly string[], exitCode: number): Command {
  const name = program.name().split(' ').at(-1);
  try {
    return program.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError)
      throw new ExitError(error.exitCode === 0 ? 0 : exitCode, error.message.replace(/^error: /, `${name}: `));
    throw error;
  }
}

/** Parses a time such as `5s`, `500ms` or `5`, and returns it in seconds. Throws ExitError with `exitCode`. */
export function parseTime(text: string, exitCode: number): number {
  const [, number = '', unit] = /^(.*?)(ms|s)?$/.exec(text) ?? [];
  const seconds = parseSeconds(number);
  if (seconds !== undefined) return unit === 'ms' ? seconds / 1000 : seconds;
  throw new ExitError(exitCode, `'${text}' is not a time: give it as in 5s or 500ms`);
}
