// The process itself: its arguments, its name in ps and pidof, what it sends to others, its becoming another program, its
// end.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { decodeWord, encodeWord } from '../protocol/surrogate-escape.ts';
import { native } from './native.ts';

/** Those behind the script's name, for becomeProgram to pass on as they are: in process.argv U+FFFD stands for what is no UTF-8. */
export function ownArguments(): string[] {
  const words = process.argv.slice(2);
  if (!words.some((word) => word.includes('\ufffd'))) return words;
  const all = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
  return all.slice(-words.length).map((word) => decodeWord(Buffer.from(word, 'latin1')));
}

/** At most 15 bytes are shown; the arguments in /proc stay as they are. */
export function setProcessName(name: string): void {
  native.setProcessName(name);
}

/**
 * By a name of vde2's: programs look for that in /proc, by pidof or by what pgrep -f shows, where Node and the path of our
 * script would stand before it.
 */
export function setArguments(argv: readonly string[]): void {
  native.setArguments(argv.map(encodeWord));
}

/** To a unix datagram socket: its path, or an abstract name behind an `@`. Waits for nobody: where there is no room it throws EAGAIN. */
export function sendDatagram(path: string, text: string): void {
  native.sendDatagram(path, text);
}

/** What Node changed of the process before any JavaScript ran. */
export interface ProcessState {
  /** A bit for each signal, as in /proc/PID/status. */
  ignoredSignals: bigint;
  /** The soft limit. */
  openFiles?: number | undefined;
}

/** Becomes another program: same pid, stdio and environment, its own arguments; `keep` are the descriptors it inherits. */
export function becomeProgram(
  file: string,
  argv: readonly string[],
  keep: readonly number[],
  before: ProcessState,
): never {
  return native.execute(file, argv.map(encodeWord), keep, before.ignoredSignals, before.openFiles);
}

/**
 * At once, of the signal where one is given: no thread that looks a name up is waited for, no handler of 'exit' runs, and what
 * is unwritten is lost.
 */
export function endProcess(exitCode: number, signal?: NodeJS.Signals): never {
  return native.endProcess(exitCode, signal && constants.signals[signal]);
}
