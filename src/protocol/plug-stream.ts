// vde_plug's stream format, which dpipe and ssh carry: each frame follows its length, two bytes in big-endian order. A
// reader cannot resynchronize: an invalid length ends the stream.
import { SwitchError } from './errors.ts';

/** The longest frame that vde_plug accepts; a longer one makes it lose the frames that follow. */
export const STREAM_FRAME_MAX = 9236;
const HEADER = 2;
const ETHERNET_HEADER = 14;

export function formatStreamFrame(frame: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER + frame.length);
  bytes.writeUInt16BE(frame.length, 0);
  bytes.set(frame, HEADER);
  return bytes;
}

/** Finds the frames in a stream that arrives in chunks of any size. Between chunks it keeps less than one frame. */
export class StreamReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Returns the frames that `chunk` completes. Throws SwitchError EPROTO at an invalid length. */
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
    this.#rest = Buffer.from(bytes.subarray(at)); // a copy, so that the chunk can be freed
    return frames;
  }
}

/**
 * Throws SwitchError EPROTO for an invalid length. Accepts 0, which vde_plug ignores. Text, such as a login banner or
 * an error, is refused because two letters make an invalid length.
 */
function checkLength(length: number): void {
  if (length === 0 || (length >= ETHERNET_HEADER && length <= STREAM_FRAME_MAX)) return;
  throw new SwitchError(
    'EPROTO',
    `the input is not a stream of frames: it has a length of ${length}, not ${ETHERNET_HEADER} to ${STREAM_FRAME_MAX}`,
  );
}
