// Operations on this process: its arguments and name, exec and exit; and sending datagrams to other processes.
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { decodeWord, encodeWord } from '../protocol/surrogate-escape.ts';
import { isAddonLoaded, native } from './native.ts';

/**
 * Returns the arguments after the script's name, with every byte preserved. process.argv has U+FFFD in place of bytes
 * that are not UTF-8.
 */
export function ownArguments(): string[] {
  const words = process.argv.slice(2);
  if (!words.some((word) => word.includes('\ufffd'))) return words;
  const all = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
  return all.slice(-words.length).map((word) => decodeWord(Buffer.from(word, 'latin1')));
}

/** Sets the name that ps and pidof show, up to 15 bytes. The arguments in /proc do not change. */
export function setProcessName(name: string): void {
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // without /proc the name stays `node`
  }
}

/**
 * Replaces the arguments in /proc, for programs started under a name of vde2. Other programs search for that name with
 * pidof or pgrep -f, and would otherwise find Node and the path of our script.
 */
export function setArguments(argv: readonly string[]): void {
  native.setArguments(argv.map(encodeWord));
}

/**
 * Sets the name that ps and pidof show. With `argv`, for programs started under a name of vde2, /proc shows `name`
 * followed by these arguments; otherwise the arguments stay as the launcher passed them.
 */
export function takeName(name: string, argv?: readonly string[]): void {
  setProcessName(name);
  if (argv) setArguments([name, ...argv]);
}

/**
 * Sends a datagram to a unix socket, given as a path or as `@` and an abstract name. Does not block: throws EAGAIN if
 * the receiver is full.
 */
export function sendDatagram(path: string, text: string): void {
  native.sendDatagram(path, text);
}

/**
 * Parts of the process's state, as they were before Node changed them. Node changes them before any JavaScript runs.
 */
export interface ProcessState {
  /** The ignored signals, one bit for each, as in /proc/PID/status. */
  ignoredSignals: bigint;
  /** The soft limit of open files. */
  openFiles?: number | undefined;
}

/**
 * Becomes another program with the arguments `argv`. Keeps the process ID, stdio, the environment, the descriptors in
 * `keep` and those that this process has inherited. Restores the state `before`.
 */
export function becomeProgram(
  file: string,
  argv: readonly string[],
  keep: readonly number[],
  before: ProcessState,
): never {
  return native.execute(file, argv.map(encodeWord), keep, before.ignoredSignals, before.openFiles);
}

/** How a program ended. */
export interface Exit {
  code: number;
  signal?: number;
}

/**
 * Runs another program as becomeProgram() does, but in a child process, and blocks until it ends. If this process is
 * ended meanwhile, the child gets SIGTERM.
 */
export function runProgram(file: string, argv: readonly string[], keep: readonly number[], before: ProcessState): Exit {
  return native.run(file, argv.map(encodeWord), keep, before.ignoredSignals, before.openFiles);
}

/**
 * Starts this program again as a daemon with the arguments `argv`. Blocks until the daemon has closed descriptor 3 or
 * has ended. Returns its process ID, and what it wrote to that descriptor.
 */
export function spawnDaemon(argv: readonly string[]): { pid: number; report: string } {
  const words = [process.execPath, ...process.execArgv, process.argv[1]!, ...argv];
  return native.spawnDaemon(process.execPath, words.map(encodeWord));
}

/** Ends a daemon that spawnDaemon() has started, and blocks until it has ended. Returns how it ended. */
export function endDaemon(pid: number): string {
  const { code, signal } = native.endDaemon(pid);
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [];
  return name ?? `exit code ${code}`;
}

/** Ends this process in the way in which another program ended: with the same exit code, or by the same signal. */
export function endLike({ code, signal }: Exit): never {
  return native.endProcess(code, signal);
}

/**
 * Ends the process at once, by `signal` if one is given. With the addon loaded, does not wait for threads that look up
 * names and does not run handlers of 'exit'; unwritten output is lost. Without the addon, no name has been looked up:
 * the process ends by process.exit(), or by the signal's default action.
 */
export function endProcess(exitCode: number, signal?: NodeJS.Signals): never {
  if (!isAddonLoaded()) {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    process.exit(exitCode);
  }
  return native.endProcess(exitCode, signal && constants.signals[signal]);
}
