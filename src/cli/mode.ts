// Rights of a file on a command line.
import { ExitError, USAGE } from '../system/exit-error.ts';

/** Reads them, behind as many zeroes as one likes; `example` is for who gives something else. */
export function octalLike(example: string): (text: string) => number {
  return (text) => {
    if (/^0*[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
    throw new ExitError(USAGE, `'${text}' is not a mode: give it in octal, like ${example}`);
  };
}
