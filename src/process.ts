// The process itself: its name in ps and pidof, its lines in the system log, its becoming another program.
import { native } from './native.ts';

const LOG_INFO = 6;

/** At most 15 bytes are shown; the arguments in /proc stay as they are. */
export function setProcessName(name: string): void {
  native.setProcessName(name);
}

/**
 * By a name of vde2's: programs look for that in /proc, by pidof or by what pgrep -f shows, where Node and the path of our
 * script would stand before it.
 */
export function setArguments(argv: readonly string[]): void {
  native.setArguments(argv);
}

/** Where a daemon's log goes. */
export function systemLog(ident: string): (message: string) => void {
  native.openLog(ident);
  return (message) => native.writeLog(LOG_INFO, message);
}

/** What Node changed of the process before any JavaScript ran. */
export interface ProcessState {
  /** A bit for each signal, as in /proc/PID/status. */
  ignoredSignals: bigint;
  /** The soft limit. */
  openFiles?: number | undefined;
}

/** Becomes another program: same pid, same stdio, its own arguments; `keep` are the descriptors it inherits. */
export function becomeProgram(
  file: string,
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
  keep: readonly number[],
  before: ProcessState,
): never {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return native.execute(file, argv, variables, keep, before.ignoredSignals, before.openFiles);
}
