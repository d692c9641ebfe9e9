// The end of a process that may hold terminals and has said things nobody may have read yet.
import { closeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';

const FLUSH_MS = 200;

/** The standard streams that are terminals. */
const TERMINALS = [0, 1, 2].filter((fd) => isatty(fd));

/** Ends the process once what it said is out, or once nobody seems to want it. */
export async function finish(exitCode: number, signal?: NodeJS.Signals): Promise<never> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // Node gives terminals their settings back when it ends, and crashes over one that has hung up: not if it is closed.
  for (const fd of TERMINALS) if (!isatty(fd)) closeSync(fd);
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  process.exit(exitCode);
}

function flushed(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, FLUSH_MS);
    stream.write('', () => resolve());
  });
}
