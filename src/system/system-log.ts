// The system's log: a datagram a line, in the form that syslog(3) gives it. That call waits for who reads them, and its program with it.
import { Writable } from 'node:stream';
import { type Log, type LogLevel, lossy, PRIORITIES } from './log.ts';
import { sendDatagram } from './process.ts';

const PATH = '/dev/log';
const FACILITY = 3 << 3; // daemon
const WAITING_MAX = 64 * 1024; // characters
const RETRY_MS = 50; // nothing tells when an unconnected peer has room
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A write is a line, but for one of nothing, whose end is that of the lines before it. */
export const systemLogOutput = new Writable({
  decodeStrings: false,
  write: (line: string, _, done) => deliver(line, done),
});

export function systemLog(ident: string): Log {
  return lossy((message, level) => {
    if (systemLogOutput.writableLength > WAITING_MAX) return false;
    systemLogOutput.write(lineOf(ident, message, level, new Date()));
    return true;
  });
}

function deliver(line: string, done: () => void): void {
  if (line === '' || isDone(line)) done();
  else setTimeout(deliver, RETRY_MS, line, done).unref();
}

/** Not while there is a reader without room; where there is none at all, a line is for nobody, as in syslog(3). */
function isDone(line: string): boolean {
  try {
    sendDatagram(PATH, line);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EAGAIN';
  }
}

/** RFC 3164, 4.1, without the host, which the reader knows. */
function lineOf(ident: string, message: string, level: LogLevel, now: Date): string {
  const day = String(now.getDate()).padStart(2);
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  return `<${FACILITY | PRIORITIES[level]}>${MONTHS[now.getMonth()]} ${day} ${time} ${ident}[${process.pid}]: ${message}`;
}
