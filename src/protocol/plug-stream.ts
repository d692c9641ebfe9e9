// vde_plug's stream, as dpipe and ssh carry it: each frame behind its length, two bytes, big-endian. It has no way back
// into step: a length that cannot be right is the end of it.
import { SwitchError } from './errors.ts';

/** What vde_plug takes at most: a longer one would make it lose the frames that follow. */
export const STREAM_FRAME_MAX = 9236;
const HEADER = 2;
const ETHERNET_HEADER = 14;

export function formatStreamFrame(frame: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER + frame.length);
  bytes.writeUInt16BE(frame.length, 0);
  bytes.set(frame, HEADER);
  return bytes;
}

/** Finds the frames in a stream, however it is cut. Holds less than one frame. */
export class StreamReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that `chunk` completes. Throws SwitchError EPROTO once no more can be found. */
  read(chunk: Buffer): Buffer[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER) {
      const length = bytes.readUInt16BE(at);
      checkLength(length);
      if (bytes.length - at < HEADER + length) break;
      if (length > 0) frames.push(bytes.subarray(at + HEADER, at + HEADER + length));
      at += HEADER + length;
    }
    this.#rest = Buffer.from(bytes.subarray(at)); // a copy, which does not hold the chunk
    return frames;
  }
}

/** vde_plug passes over a length of 0; a text (a login banner, an error) is found to be none by its first two letters. */
function checkLength(length: number): void {
  if (length === 0 || (length >= ETHERNET_HEADER && length <= STREAM_FRAME_MAX)) return;
  throw new SwitchError(
    'EPROTO',
    `what comes is no stream of frames: it gives one a length of ${length}, not ${ETHERNET_HEADER} to ${STREAM_FRAME_MAX}`,
  );
}
