// The replies that are as good as success to a caller: `EEXIST,6`.
import { constants } from 'node:os';
import { ExitError } from '../exit-error.ts';

const NAMES = new Map(Object.entries(constants.errno));

/** Names and numbers with commas. Throws ExitError with `exitCode` for a word that is neither. */
export function parseErrnos(text: string, exitCode: number): number[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const number = /^\d{1,3}$/.test(word) ? Number(word) : NAMES.get(word.toUpperCase());
      if (number !== undefined) return number;
      throw new ExitError(exitCode, `'${word}' is no error: name it like EEXIST or 17`);
    });
}
