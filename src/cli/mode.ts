// Rights of a file on a command line.
import { ExitError, USAGE } from '../exit-error.ts';

export function octalMode(text: string): number {
  if (/^0?[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  throw new ExitError(USAGE, `'${text}' is not a mode: give it in octal, like 700`);
}
