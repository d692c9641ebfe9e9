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
