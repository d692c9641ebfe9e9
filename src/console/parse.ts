// A line of the console: which command it is, and the numbers in its argument.
import { SwitchError } from '../protocol/errors.ts';

export interface CommandLine {
  path: string;
  argument: string;
}

/** undefined: an empty line or a comment. A carriage return before the end of the line is no part of it. */
export function parseLine(line: string): CommandLine | undefined {
  const [, path, argument] = /^[ \t]*(\S*)[ \t]*(.*?)[ \t\r]*$/s.exec(line)!;
  if (path === '' || path === undefined || path.startsWith('#')) return undefined;
  return { path, argument: argument ?? '' };
}

/** Decimal or 0x hex, never octal. EINVAL for anything else, and for nothing. */
export function parseNumber(word: string | undefined): number {
  if (word !== undefined && /^-?(0x[0-9a-f]+|\d+)$/i.test(word)) {
    const number = word.startsWith('-') ? -Number(word.slice(1)) : Number(word);
    if (Number.isSafeInteger(number)) return number;
  }
  throw new SwitchError('EINVAL', `'${word ?? ''}' is not a number`);
}

/** As parseNumber(); undefined where there is none. */
export function parseOptionalNumber(argument: string): number | undefined {
  return argument === '' ? undefined : parseNumber(argument);
}

/** Exactly `count` words. EINVAL for fewer or more. */
export function parseWords(argument: string, count: number): string[] {
  const words = argument.split(/[ \t]+/).filter((word) => word !== '');
  if (words.length === count) return words;
  throw new SwitchError('EINVAL', `${count} arguments are wanted, not ${words.length}`);
}

/** 0 or 1. */
export function parseFlag(word: string | undefined): boolean {
  const number = parseNumber(word);
  if (number === 0 || number === 1) return number === 1;
  throw new SwitchError('EINVAL', `${number} is neither 0 nor 1`);
}
