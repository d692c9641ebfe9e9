// The client side of a live capture: makes a console send frames as pcapng instead of replies, and counts the frames.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { connectTo, NO_REPLY } from './console-client.ts';
import { PcapngCounter } from './pcapng-counter.ts';
import { END_OF_SESSION, PROMPT } from './reply-reader.ts';

const REPLY_MAX = 65_536;

export interface LiveCapture {
  /** Ends the capture. The frames captured so far still arrive before run() resolves. */
  end(): void;
  /** Closes the connection. */
  abandon(): void;
  /** Writes the capture to `output`. Resolves with the numbers of captured and lost frames when all is written. */
  run(output: Writable): Promise<{ frames: number; lost: number }>;
}

/**
 * Begins a capture. `words` are the arguments of capture/stream. Throws ExitError if the capture is refused, with the
 * errno as its code, or if the console at `path` does not answer or is not tsvde's.
 */
export async function openCapture(path: string, words: string, timeoutSeconds: number): Promise<LiveCapture> {
  const socket = await connectTo(path);
  socket.on('error', () => {}); // readers of the socket get the error
  socket.setTimeout(timeoutSeconds * 1000, () => {
    socket.destroy(new ExitError(NO_REPLY, `'${path}' has said nothing for ${timeoutSeconds} seconds`));
  });
  try {
    const greeting = await readUntil(socket, (text) => PROMPT.test(text));
    if (!greeting.toString('latin1').includes('tsvde'))
      throw new ExitError(NO_REPLY, `the console on '${path}' cannot capture, since it is not tsvde`);
    socket.write(`json capture/stream ${words}\n`);
    const reply = await readUntil(socket, (text) => text.includes(END_OF_SESSION) || PROMPT.test(text));
    const end = reply.indexOf(END_OF_SESSION);
    if (end < 0) throw refusal(reply.toString());
    socket.setTimeout(0);
    socket.unshift(reply.subarray(end + END_OF_SESSION.length));
    return { end: () => socket.end(), abandon: () => socket.destroy(), run: (output) => passOn(socket, path, output) };
  } catch (error) {
    socket.destroy();
    if (error instanceof ExitError) throw error;
    throw new ExitError(NO_REPLY, `'${path}' is not a console: ${(error as Error).message}`);
  }
}

/** Reads until `isComplete` accepts the bytes read so far, and returns them. */
async function readUntil(socket: Socket, isComplete: (text: string) => boolean): Promise<Buffer> {
  let all = Buffer.alloc(0);
  while (!isComplete(all.toString('latin1'))) {
    if (all.length > REPLY_MAX) throw new Error(`no prompt in ${REPLY_MAX} bytes`);
    const piece = socket.read() as Buffer | null;
    if (piece) all = Buffer.concat([all, piece]);
    else await readable(socket);
  }
  return all;
}

async function readable(socket: Socket): Promise<void> {
  const listening = new AbortController();
  const { signal } = listening;
  const ended = once(socket, 'end', { signal }).then(() => {
    throw new Error('it has closed the connection');
  });
  try {
    await Promise.race([once(socket, 'readable', { signal }), ended]);
  } finally {
    listening.abort();
    ended.catch(() => {});
  }
}

function refusal(reply: string): ExitError {
  const line = reply.split('\n').find((line) => line.startsWith('{'));
  const code = /^1(\d{3}) (.*)$/m.exec(reply);
  const { message = code?.[2] ?? 'failed' } = JSON.parse(line ?? '{}') as { message?: string };
  return new ExitError(Number(code?.[1] ?? NO_REPLY), `capture: ${message}`);
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
