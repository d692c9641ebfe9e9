// Functions for all programs here: they provide the standard streams, show the log above the typed line, and end the
// process. finish() first waits until output is written, but for at most 200 ms.
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { isatty, type WriteStream } from 'node:tty';
import { NO_REPLY } from '../ctl/console-client.ts';
import { printable } from '../protocol/printable.ts';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { endProcess } from '../system/process.ts';
import { systemLogOutput } from '../system/system-log.ts';
import { TerminalInput } from '../system/terminal-input.ts';
import { openedStandardError, sayAs } from './stderr.ts';

const FLUSH_MS = 200;

let terminal: TerminalInput | undefined;

/**
 * Returns standard input if it is a terminal. The terminal is read only in the foreground. A hang-up in the foreground
 * ends the input; a hang-up in the background does so only with `endsInBackground`.
 */
export function terminalInput({ endsInBackground = true } = {}): TerminalInput | undefined {
  if (isatty(0)) terminal ??= new TerminalInput({ endsInBackground });
  return terminal;
}

/** Returns standard input; if it is a terminal, returns terminalInput(). */
export function standardInput(options?: { endsInBackground: boolean }): Readable {
  return terminalInput(options) ?? process.stdin;
}

/**
 * Writes to stdout. If that is a terminal, control characters are escaped, since they may come from a client of the
 * switch.
 */
export function print(text: string): void {
  process.stdout.write(process.stdout.isTTY ? text.split('\n').map(printable).join('\n') : text);
}

/** Shows a line above the one that is being typed at the terminal. Returns false if there is no room for the line. */
export type Tell = (line: string) => boolean;

let above: Tell | undefined;

export function tellAbove(tell: Tell): void {
  above = tell;
}

/** Returns the function that shows log lines if there is a line editor and stderr is the terminal of the editor. */
export function logAbove(): Tell | undefined {
  return above && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev ? above : undefined;
}

/** Node's handle of a terminal, which is missing from its public types. */
interface Handle {
  fd: number;
  setBlocking(blocking: boolean): void;
}

/**
 * Makes standard output and error non-blocking if they are terminals. Node writes to terminals synchronously, so a
 * terminal that is full, for example after Ctrl-S, would block the whole program.
 */
export function unblockTerminals(): void {
  if (isatty(1)) unblock(process.stdout);
  if (isatty(2)) unblock(process.stderr);
}

/**
 * Makes a terminal non-blocking if Node has reopened it; the shell's own file description stays blocking. Node cannot
 * reopen another user's terminal. For such a terminal Node uses the shell's description, which is left blocking.
 */
function unblock(stream: WriteStream): void {
  const { fd, _handle: handle } = stream as WriteStream & { fd: number; _handle: Handle };
  if (handle.fd !== fd) handle.setBlocking(false);
}

/**
 * Lets signals end this process even if it is process 1, as in a container: for process 1 the kernel ignores signals
 * that have no handler.
 */
export function endAsInit(): void {
  if (process.pid !== 1) return;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const)
    process.on(signal, () => endProcess(128 + constants.signals[signal]));
}

/**
 * Ends the process when `program` has settled and all output is written. The exit code is the number that `program`
 * resolves with or, if it is rejected, the exit code of the error. Open connections and timers are left to the kernel:
 * closing them and freeing each object takes several percent of a short run.
 */
export async function runProgram(name: string, program: Promise<number>): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // the reader closed the pipe, which is not an error
    sayAs(name)(`cannot write to standard output: ${describeError(error)}`);
    process.exit(NO_REPLY);
  });
  endAsInit();
  try {
    process.exitCode = await program;
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    if (error.exitCode !== 0 && error.message !== '') sayAs(name)(error.message);
    process.exitCode = error.exitCode;
  } finally {
    terminal?.destroy();
  }
  await Promise.all([process.stdout, openedStandardError()].map(written));
  if (!process.stdout.errored) process.exit(); // otherwise the listener above ends the process
}

/** Ends the process once its output is written, or after 200 ms at the latest. Does not wait for name look-ups. */
export async function finish(exitCode: number, signal?: NodeJS.Signals): Promise<never> {
  const all = Promise.all([process.stdout, openedStandardError(), systemLogOutput()].map(written));
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
  endProcess(exitCode, signal);
}

/** Resolves once a stream has written what it was given, or cannot. */
function written(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
