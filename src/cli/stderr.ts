// Standard error, opened on the first write, since opening it takes 0.3 ms.
import type { Writable } from 'node:stream';

let output: Writable | undefined;

/** Returns standard error. A reader that has closed the pipe is not an error. */
export function standardError(): Writable {
  output ??= process.stderr.on('error', () => {});
  return output;
}

/** Returns standard error, or undefined if it has not been opened. */
export function openedStandardError(): Writable | undefined {
  return output;
}

/** Returns a function that writes a sentence to stderr, preceded by the program's name. */
export function sayAs(name: string): (sentence: string) => void {
  return (sentence) => void standardError().write(`${name}: ${sentence}\n`);
}
