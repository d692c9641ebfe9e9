// The end of a process that has said things nobody may have read yet, and may wait for answers that nobody wants any more.
import type { Writable } from 'node:stream';
import { endProcess } from '../process.ts';

const FLUSH_MS = 200;

/** Ends the process once what it said is out, or once nobody seems to want it. */
export async function finish(exitCode: number, signal?: NodeJS.Signals): Promise<never> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  endProcess(exitCode);
}

function flushed(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, FLUSH_MS);
    stream.write('', () => resolve());
  });
}
