// The interface of the log, between the code that writes lines and the outputs that keep them.

/** How important a log line is. */
export type LogLevel = 'warning' | 'info' | 'debug';
/** Logs one line, given without a newline; the default level is `info`. */
export type Log = (message: string, level?: LogLevel) => void;

/** The priorities of syslog(3). */
export const PRIORITIES: Record<LogLevel, number> = { warning: 4, info: 6, debug: 7 };

/**
 * Returns a log that never waits for its reader. `write` returns false if there is no room for a line; such lines are
 * counted, and the count is logged once there is room again.
 */
export function lossy(write: (message: string, level: LogLevel) => boolean): Log {
  let lost = 0;
  return (message, level = 'info') => {
    if (lost > 0 && write(`${lost} log lines were lost: nobody read them`, 'warning')) lost = 0;
    if (lost > 0 || !write(message, level)) lost++;
  };
}
