// Parses file permissions given in octal on a command line.
import { ExitError, USAGE } from '../system/exit-error.ts';

/** Returns a parser for octal permissions with any number of leading zeroes; its error sentence shows `example`. */
export function octalLike(example: string): (text: string) => number {
  return (text) => {
    if (/^0*[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
    throw new ExitError(USAGE, `'${text}' is not a mode: give it in octal, like ${example}`);
  };
}
