// The process itself: its name in ps and pidof, its lines in the system log, its becoming another program.
import { native } from './native.ts';

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

/** Where a daemon's log goes; priorities are syslog(3)'s. */
export function systemLog(ident: string): (priority: number, message: string) => void {
  native.openLog(ident);
  return (priority, message) => native.writeLog(priority, message);
}

/** To a unix datagram socket: its path, or an abstract name behind an `@`. */
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
