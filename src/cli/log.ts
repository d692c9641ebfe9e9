// Writes log lines to stderr or to the system log, as text, journal lines or JSON. Logging never blocks: while
// too much output is pending, new lines are dropped and counted. The count is logged once there is room again.
import { fstatSync } from 'node:fs';
import { printable } from '../protocol/printable.ts';
import { type Log, type LogFields, type LogLevel, lossy, PRIORITIES } from '../system/log.ts';
import { systemLog } from '../system/system-log.ts';
import { standardError } from './stderr.ts';
import type { Tell } from './streams.ts';

export interface LogOptions {
  format: 'text' | 'json';
  /** The least important level that is logged. */
  level: LogLevel;
}

const PENDING_MAX = 64 * 1024; // bytes

/** Returns a log that writes to stderr, except while `above` returns a function that shows the lines. */
export function stderrLog(name: string, options: LogOptions, above: () => Tell | undefined): Log {
  const format = lineFormatter(name, options);
  const log = lossy((message, level, fields) => {
    const tell = above();
    if (tell) return tell(format(message, level, fields).trimEnd());
    const output = standardError();
    if (output.writableLength > PENDING_MAX) return false;
    output.write(format(message, level, fields));
    return true;
  });
  return atLevel(options.level, log);
}

export function daemonLog(name: string, { level }: LogOptions): Log {
  return atLevel(level, systemLog(name));
}

/**
 * Returns a log that leaves out lines less important than `threshold`. In all other lines it escapes unsafe characters,
 * since peers contribute to the text.
 */
function atLevel(threshold: LogLevel, log: Log): Log {
  return (message, level = 'info', fields) => {
    if (PRIORITIES[level] <= PRIORITIES[threshold]) log(printable(message), level, fields);
  };
}

function lineFormatter(
  name: string,
  { format }: LogOptions,
): (message: string, level: LogLevel, fields?: LogFields) => string {
  if (format === 'json')
    return (message, level, fields) =>
      `${JSON.stringify({ time: new Date().toISOString(), level, name, message, ...fields })}\n`;
  // The journal adds our name, and reads the priority from the start of the line (sd-daemon(3)).
  if (isJournal()) return (message, level) => `<${PRIORITIES[level]}>${message}\n`;
  return (message) => `${name}: ${message}\n`;
}

/** Returns whether stderr leads to the journal. JOURNAL_STREAM is the journal's device and inode (systemd.exec(5)). */
function isJournal(): boolean {
  const stream = process.env.JOURNAL_STREAM;
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}
