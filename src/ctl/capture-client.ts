// The client side of a live capture: makes a console send frames as pcapng instead of replies, and counts the frames.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { NO_REPLY } from './console-client.ts';
import { PcapngCounter } from './pcapng-counter.ts';
import { openStream } from './stream-client.ts';

export interface LiveCapture {
  /** Ends the capture. The frames captured so far still arrive before run() resolves. */
  end(): void;
  /** Closes the connection. */
  abandon(): void;
  /** Writes the capture to `output`. Resolves with the numbers of captured and lost frames when all is written. */
  run(output: Writable): Promise<{ frames: number; lost: number }>;
}

/** Returns the arguments of capture/stream. Values that are undefined are left out, and so is an empty filter. */
export function captureWords(values: Readonly<Record<string, string | undefined>>, filter: string): string {
  const pairs = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  return [...pairs, ...(filter === '' ? [] : [`filter=${filter}`])].join(' ');
}

/**
 * Begins a capture. `words` are the arguments of capture/stream. Throws ExitError if the capture is refused, with the
 * errno as its code, or if the console at `path` does not answer or is not tsvde's.
 */
export async function openCapture(path: string, words: string, timeoutSeconds: number): Promise<LiveCapture> {
  const socket = await openStream(path, `capture/stream ${words}`, 'capture', timeoutSeconds);
  return { end: () => socket.end(), abandon: () => socket.destroy(), run: (output) => passOn(socket, path, output) };
}

/**
 * Writes everything that the socket receives to `output`. A slow output pauses reading from the socket, so that the
 * switch loses and counts the frames that do not fit.
 */
async function passOn(socket: Socket, path: string, output: Writable): Promise<{ frames: number; lost: number }> {
  const counter = new PcapngCounter();
  const pieces: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await pieces.next().catch((error) => {
      throw new ExitError(NO_REPLY, `'${path}': ${describeError(error)}`);
    });
    if (done) break;
    counter.read(value);
    if (!output.write(value)) await once(output, 'drain');
  }
  return { frames: counter.frames, lost: counter.lost };
}
