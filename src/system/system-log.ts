// Writes to the system log: one datagram per line, in syslog(3)'s format. syslog(3) itself waits for the reader, which
// could stop the whole program.
import { Writable } from 'node:stream';
import { type Log, type LogLevel, lossy, PRIORITIES } from './log.ts';
import { sendDatagram } from './process.ts';

const PATH = '/dev/log';
const FACILITY = 3 << 3; // daemon
const PENDING_MAX = 64 * 1024; // characters
const RETRY_MS = 50; // the kernel does not report when an unconnected peer has room
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

let output: Writable | undefined;

/**
 * Returns the stream to the system log, or undefined if systemLog() has not been called. An empty write to the stream
 * is not sent, and completes after the lines before it.
 */
export function systemLogOutput(): Writable | undefined {
  return output;
}

export function systemLog(ident: string): Log {
  output ??= new Writable({ decodeStrings: false, write: (line: string, _, done) => deliver(line, done) });
  const lines = output;
  return lossy((message, level) => {
    if (lines.writableLength > PENDING_MAX) return false;
    lines.write(lineOf(ident, message, level, new Date()));
    return true;
  });
}

function deliver(line: string, done: () => void): void {
  if (line === '' || trySend(line)) done();
  else setTimeout(deliver, RETRY_MS, line, done).unref();
}

/**
 * Sends a line and returns true. Returns false if the reader has no room. If there is no reader, drops the line, as
 * syslog(3) does, and returns true.
 */
function trySend(line: string): boolean {
  try {
    sendDatagram(PATH, line);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EAGAIN';
  }
}

/** Formats a line as in RFC 3164, 4.1, but without the host name, which the reader knows. */
function lineOf(ident: string, message: string, level: LogLevel, now: Date): string {
  const day = String(now.getDate()).padStart(2);
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  return `<${FACILITY | PRIORITIES[level]}>${MONTHS[now.getMonth()]} ${day} ${time} ${ident}[${process.pid}]: ${message}`;
}
