// Log lines: on stderr or in the system log, for people, for the journal or for programs. Nobody need read them: past a
// bound they are counted and not kept, and the count is told when there is room again.
import { fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { type Log, type LogLevel, lossy, PRIORITIES } from '../system/log.ts';
import { systemLog } from '../system/system-log.ts';

export interface LogOptions {
  format: 'text' | 'json';
  /** What is less grave than this is not said. */
  level: LogLevel;
}

const WAITING_MAX = 64 * 1024; // bytes

export function streamLog(name: string, output: Writable, options: LogOptions): Log {
  output.on('error', () => {}); // a reader that went away wants no log
  const write = lineWriter(name, options);
  const say = lossy((message, level) => {
    if (output.writableLength > WAITING_MAX) return false;
    output.write(write(message, level));
    return true;
  });
  return atLevel(options.level, say);
}

export function daemonLog(name: string, { level }: LogOptions): Log {
  return atLevel(level, systemLog(name));
}

function atLevel(most: LogLevel, log: Log): Log {
  return (message, level = 'info') => {
    if (PRIORITIES[level] <= PRIORITIES[most]) log(message, level);
  };
}

function lineWriter(name: string, { format }: LogOptions): (message: string, level: LogLevel) => string {
  if (format === 'json')
    return (message, level) => `${JSON.stringify({ time: new Date().toISOString(), level, name, message })}\n`;
  // The journal knows who we are, and takes the priority from the beginning of the line (sd-daemon(3)).
  if (isJournal()) return (message, level) => `<${PRIORITIES[level]}>${message}\n`;
  return (message) => `${name}: ${message}\n`;
}

/** Is stderr what systemd says the journal is (systemd.exec(5), JOURNAL_STREAM)? */
function isJournal(): boolean {
  const stream = process.env.JOURNAL_STREAM;
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}
