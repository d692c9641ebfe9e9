// The end of a process that has said things nobody may have read yet, and may wait for answers that nobody wants any more.
import type { Writable } from 'node:stream';
import { endProcess } from '../process.ts';
import { systemLogOutput } from '../system-log.ts';

const FLUSH_MS = 200;

/** Ends the process once what it said is out, or once nobody seems to want it. */
export async function finish(exitCode: number, signal?: NodeJS.Signals): Promise<never> {
  await Promise.all([process.stdout, process.stderr, systemLogOutput].map(flushed));
  endProcess(exitCode, signal);
}

function flushed(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, FLUSH_MS);
    stream.write('', () => resolve());
  });
}
