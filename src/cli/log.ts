// Log lines: on stderr or in the system log, for people, for the journal or for programs. Nobody need read them: past a
// bound they are counted and not kept, and the count is told when there is room again.
import { fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Log, LogLevel } from '../log.ts';
import { systemLog } from '../process.ts';

export interface LogOptions {
  format: 'text' | 'json';
  /** What is less grave than this is not said. */
  level: LogLevel;
}

/** syslog(3)'s. */
const PRIORITIES: Record<LogLevel, number> = { warning: 4, info: 6, debug: 7 };
const WAITING_MAX = 64 * 1024; // bytes

export function streamLog(name: string, output: Writable, options: LogOptions): Log {
  let lost = 0;
  output.on('error', () => {}); // a reader that went away wants no log
  const write = lineWriter(name, options);
  return atLevel(options.level, (message, level) => {
    if (output.writableLength > WAITING_MAX) {
      lost++;
      return;
    }
    if (lost > 0) output.write(write(`${lost} log lines were lost: nobody read them`, 'warning'));
    lost = 0;
    output.write(write(message, level));
  });
}

export function daemonLog(name: string, { level }: LogOptions): Log {
  const write = systemLog(name);
  return atLevel(level, (message, grave) => write(PRIORITIES[grave], message));
}

function atLevel(most: LogLevel, log: (message: string, level: LogLevel) => void): Log {
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
