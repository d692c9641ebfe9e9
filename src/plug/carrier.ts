// Carries frames between a plug and a pair of streams, such as stdin and stdout. Backpressure, not buffering: while the
// output is full, frames stay in the kernel, and the switch drops and counts those that do not fit there.
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { SwitchError } from '../protocol/errors.ts';
import { formatStreamFrame, STREAM_FRAME_MAX, StreamReader } from '../protocol/plug-stream.ts';
import type { Plug } from './plug.ts';

export interface Carried {
  /** Frames that were dropped because they exceed the format's maximum. */
  tooLong: number;
}

/** Resolves when either stream or the plug ends. Throws SwitchError EPROTO if the input is not a stream of frames. */
export async function carry(plug: Plug, input: Readable, output: Writable): Promise<Carried> {
  const carried: Carried = { tooLong: 0 };
  const ended = new AbortController();
  const end = () => ended.abort();
  plug.once('close', end);
  output.on('error', end); // the reader is gone
  const pause = () => {
    if (plug.open) plug.pause();
  };
  plug.on('frame', (frame) => {
    if (frame.length > STREAM_FRAME_MAX) carried.tooLong++;
    else writeBatched(output, formatStreamFrame(frame), pause);
  });
  output.on('drain', () => plug.open && plug.resume());
  await Promise.race([once(ended.signal, 'abort'), sendAll(plug, input, ended.signal)]);
  return carried;
}

/** Writes the frames of one batch together, and then calls `whenFull` if the output is full. */
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

async function sendAll(plug: Plug, input: Readable, signal: AbortSignal): Promise<void> {
  const reader = new StreamReader();
  try {
    for await (const chunk of input) {
      for (let frames = reader.read(chunk); frames.length > 0 && plug.open; ) {
        frames = frames.slice(plug.sendUnchecked(frames));
        if (frames.length > 0) await once(plug, 'drain', { signal });
      }
    }
  } catch (error) {
    // An input that fails counts as ended, and so does a switch that fails.
    if (error instanceof SwitchError) throw error;
  }
}
