// Carries frames between a plug and a pair of streams, such as stdin and stdout. Who is slow makes the other side wait and
// is never gathered for: a full output leaves frames in the kernel, where the switch finds them full and drops and counts.
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { SwitchError } from '../protocol/errors.ts';
import { formatStreamFrame, STREAM_FRAME_MAX, StreamReader } from '../protocol/plug-stream.ts';
import type { Plug } from './plug.ts';

export interface Carried {
  /** Frames that no stream can take. */
  tooLong: number;
}

/** Resolves when either stream or the plug ends. Throws SwitchError EPROTO when the input is no stream of frames. */
export async function carry(plug: Plug, input: Readable, output: Writable): Promise<Carried> {
  const carried: Carried = { tooLong: 0 };
  const over = new AbortController();
  const end = () => over.abort();
  plug.once('close', end);
  output.on('error', end); // nobody reads any more
  const pause = () => {
    if (plug.open) plug.pause();
  };
  plug.on('frame', (frame) => {
    if (frame.length > STREAM_FRAME_MAX) carried.tooLong++;
    else writeBatched(output, formatStreamFrame(frame), pause);
  });
  output.on('drain', () => plug.open && plug.resume());
  await Promise.race([once(over.signal, 'abort'), sendAll(plug, input, over.signal)]);
  return carried;
}

/** What comes in one batch leaves in one; `whenFull` is called behind it. */
function writeBatched(output: Writable, bytes: Buffer, whenFull: () => void): void {
  if (output.writableCorked === 0) {
    output.cork();
    process.nextTick(() => {
      if (output.writableNeedDrain) whenFull();
      output.uncork();
    });
  }
  output.write(bytes);
}

async function sendAll(plug: Plug, input: Readable, over: AbortSignal): Promise<void> {
  const reader = new StreamReader();
  try {
    for await (const chunk of input) {
      for (let frames = reader.read(chunk); frames.length > 0 && plug.open; ) {
        frames = frames.slice(plug.sendAll(frames));
        if (frames.length > 0) await once(plug, 'drain', { signal: over });
      }
    }
  } catch (error) {
    // The input's end by an error, or the switch's, is an end like any other.
    if (error instanceof SwitchError) throw error;
  }
}
