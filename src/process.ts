// The process as others see it: its name in ps and pidof, its lines in the system log.
import { native } from './native.ts';

const LOG_INFO = 6;

/** At most 15 bytes are shown; the arguments in /proc stay as they are. */
export function setProcessName(name: string): void {
  native.setProcessName(name);
}

/** Where a daemon's log goes. */
export function systemLog(ident: string): (message: string) => void {
  native.openLog(ident);
  return (message) => native.writeLog(LOG_INFO, message);
}

/** Becomes another program: same pid, same stdio, its own arguments; `keep` are the descriptors it inherits. */
export function becomeProgram(file: string, argv: readonly string[], keep: readonly number[]): never {
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  return native.execute(file, argv, environment, keep);
}
