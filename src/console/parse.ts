// Splits a console line into command and argument, and parses words and numbers in arguments. Numbers are never octal,
// as in vde_switch: file modes and tags are only printed in octal.
import { SwitchError } from '../protocol/errors.ts';
import { isName } from '../protocol/names.ts';
import type { Switch } from '../switch/switch.ts';

export interface CommandLine {
  path: string;
  argument: string;
}

/** Splits a line. Returns undefined for an empty line or a comment. A trailing carriage return is ignored. */
export function parseLine(line: string): CommandLine | undefined {
  const [, path, argument] = /^[ \t]*(\S*)[ \t]*(.*?)[ \t\r]*$/s.exec(line)!;
  if (path === '' || path === undefined || path.startsWith('#')) return undefined;
  return { path, argument: argument ?? '' };
}

/** Parses a decimal or 0x hexadecimal number. Throws EINVAL for any other word, and if the word is missing. */
export function parseNumber(word: string | undefined): number {
  if (word !== undefined && /^-?(0x[0-9a-f]+|\d+)$/i.test(word)) {
    const number = word.startsWith('-') ? -Number(word.slice(1)) : Number(word);
    if (Number.isSafeInteger(number)) return number;
  }
  throw new SwitchError('EINVAL', `'${word ?? ''}' is not a number`);
}

/**
 * Returns the number that an argument contains, or undefined for an empty argument. Throws EINVAL for anything else.
 */
export function parseOptionalNumber(argument: string): number | undefined {
  return argument === '' ? undefined : parseNumber(argument);
}

/**
 * Parses the number or the name of a port. Throws SwitchError EINVAL for a name that no port has, and for a word that
 * is neither a name nor a number. Does not check that a port with the number exists.
 */
export function parsePort(word: string | undefined, { ports }: Switch): number {
  if (word === undefined || !isName(word)) return parseNumber(word);
  const port = ports.get(word);
  if (port) return port.number;
  throw new SwitchError('EINVAL', `'${word}' is neither the number nor the name of a port`);
}

/** Parses a list of ports, as in `1,web`. Throws as parsePort() does. */
export function parsePorts(words: string, sw: Switch): number[] {
  return words.split(',').map((word) => parsePort(word, sw));
}

/** Parses the number or the name of a port. Returns undefined for an empty argument. */
export function parseOptionalPort(argument: string, sw: Switch): number | undefined {
  return argument === '' ? undefined : parsePort(argument, sw);
}

/** Splits an argument into exactly `count` words. Throws EINVAL for fewer or more. */
export function parseWords(argument: string, count: number): string[] {
  const words = argument.split(/[ \t]+/).filter((word) => word !== '');
  if (words.length === count) return words;
  throw new SwitchError('EINVAL', `expected ${count} arguments, got ${words.length}`);
}

/** Parses 0 or 1. Throws EINVAL for anything else. */
export function parseFlag(word: string | undefined): boolean {
  const number = parseNumber(word);
  if (number === 0 || number === 1) return number === 1;
  throw new SwitchError('EINVAL', `${number} is neither 0 nor 1`);
}
