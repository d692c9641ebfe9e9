// A line of the log, for who writes one and who keeps them.

export type LogLevel = 'warning' | 'info' | 'debug';
/** A line without an end; `info` where no level is given. */
export type Log = (message: string, level?: LogLevel) => void;

/** syslog(3)'s. */
export const PRIORITIES: Record<LogLevel, number> = { warning: 4, info: 6, debug: 7 };

/**
 * A log that nobody need read. `say` is true where there was room for a line; those for which there was none are counted, and
 * the count is told once there is room again.
 */
export function lossy(say: (message: string, level: LogLevel) => boolean): Log {
  let lost = 0;
  return (message, level = 'info') => {
    if (lost > 0 && say(`${lost} log lines were lost: nobody read them`, 'warning')) lost = 0;
    if (lost > 0 || !say(message, level)) lost++;
  };
}
