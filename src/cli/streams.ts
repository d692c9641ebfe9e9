// What the small programs say, and how they end: with an exit code, and with nothing more to say to one who has gone.
import { NO_REPLY } from '../ctl/console-client.ts';
import { describeError } from '../errno.ts';
import { ExitError } from '../exit-error.ts';
import { printable } from '../protocol/printable.ts';

/** To stdout; a terminal gets no control characters, which may be a client's and not the switch's. */
export function print(text: string): void {
  process.stdout.write(process.stdout.isTTY ? text.split('\n').map(printable).join('\n') : text);
}

/** To stderr, behind the program's name. */
export function sayAs(name: string): (sentence: string) => void {
  return (sentence) => void process.stderr.write(`${name}: ${sentence}\n`);
}

/** Ends the process by what a program returns or throws. */
export async function leave(name: string, program: Promise<number>): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // nobody reads it any more: no failure of ours
    sayAs(name)(`cannot write to standard output: ${describeError(error)}`);
    process.exit(NO_REPLY);
  });
  process.stderr.on('error', () => {});
  try {
    process.exitCode = await program;
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    if (error.exitCode !== 0 && error.message !== '') sayAs(name)(error.message);
    process.exitCode = error.exitCode;
  }
}
