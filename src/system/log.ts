// The interface of the log, between the code that writes lines and the outputs that keep them.

/** How important a log line is. */
export type LogLevel = 'warning' | 'info' | 'debug';

/** The subject of a log line. The line says the same in words; these are members of log lines in JSON. */
export interface LogFields {
  /** The number of a port. */
  port?: number | undefined;
  /** The port's name. */
  portName?: string | undefined;
  /** The ID of an endpoint. */
  endpoint?: number | undefined;
  /** The ID of an attachment. */
  attachment?: string | undefined;
  /** The text by which a client describes itself, or the peer or device of an endpoint. */
  description?: string | undefined;
  /** The user of a client. */
  uid?: number | undefined;
  /** The process of a client. */
  pid?: number | undefined;
  /** A MAC address. */
  mac?: string | undefined;
  /** The reason for which something was refused or has ended. */
  reason?: string | undefined;
  /** The path of a file or socket. */
  path?: string | undefined;
  /** An address that is listened on or connected to. */
  address?: string | undefined;
}

/** Logs one line, given without a newline; the default level is `info`. */
export type Log = (message: string, level?: LogLevel, fields?: LogFields) => void;

/** The priorities of syslog(3). */
export const PRIORITIES: Record<LogLevel, number> = { warning: 4, info: 6, debug: 7 };

/**
 * Returns a log that never waits for its reader. `write` returns false if there is no room for a line; such lines are
 * counted, and the count is logged once there is room again.
 */
export function lossy(write: (message: string, level: LogLevel, fields?: LogFields) => boolean): Log {
  let lost = 0;
  return (message, level = 'info', fields) => {
    if (lost > 0 && write(`${lost} log lines were lost: nobody read them`, 'warning')) lost = 0;
    if (lost > 0 || !write(message, level, fields)) lost++;
  };
}
