// Writes a pcapng stream to several files in turn. Each file is complete: it begins with the section header and all
// interfaces so far.
import { closeSync, openSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const BLOCK_MIN = 12;

export interface Rotation {
  path: string;
  /** The number of bytes after which the next file begins. A file is larger only if a single frame does not fit. */
  bytes: number;
  /** The number of files that are used in turn; undefined for no limit. */
  files: number | undefined;
}

export class RotatingFile extends Writable {
  readonly #rotation: Rotation;
  #fd: number | undefined;
  /** The number of files begun so far. */
  #begun = 0;
  #size = 0;
  /** Whether the file contains more than the section header and interfaces. */
  #used = false;
  /** The section header and the interfaces. */
  readonly #head: Buffer[] = [];
  #rest = Buffer.alloc(0);

  constructor(rotation: Rotation) {
    super();
    this.#rotation = rotation;
  }

  override _write(piece: Buffer, _: string, done: (error?: Error | null) => void): void {
    try {
      this.#pass(this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]));
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    done(error);
  }

  /** Writes all complete blocks, several in one write, and keeps the rest. */
  #pass(bytes: Buffer): void {
    let from = 0;
    let at = 0;
    while (at + BLOCK_MIN <= bytes.length) {
      const type = bytes.readUInt32LE(at);
      const size = bytes.readUInt32LE(at + 4);
      if (size < BLOCK_MIN || size % 4 !== 0) throw new Error('the switch sends a block with an impossible length');
      if (at + size > bytes.length) break;
      const isHead = type === SECTION_HEADER || type === INTERFACE_DESCRIPTION;
      if (this.#fd === undefined) this.#begin();
      else if (this.#used && this.#size + size > this.#rotation.bytes) {
        this.#put(bytes.subarray(from, at));
        from = at;
        this.#begin();
      }
      if (isHead) this.#head.push(Buffer.from(bytes.subarray(at, at + size)));
      else this.#used = true;
      this.#size += size;
      at += size;
    }
    if (this.#fd !== undefined) this.#put(bytes.subarray(from, at));
    this.#rest = Buffer.from(bytes.subarray(at)); // a copy, so that the whole piece can be freed
  }

  #begin(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#fd = openSync(fileName(this.#rotation, this.#begun++), 'w', 0o600);
    this.#used = false;
    this.#size = 0;
    for (const block of this.#head) this.#size += block.length;
    this.#put(Buffer.concat(this.#head));
  }

  #put(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd!, bytes, at);
  }
}

/**
 * Returns the name of a file, as tcpdump names them: without a limit PATH, PATH1, PATH2 …, and with a limit PATH0 to
 * PATH9 or PATH00 to PATH99, after which the first file is replaced.
 */
export function fileName({ path, files }: Rotation, index: number): string {
  if (files === undefined) return index === 0 ? path : `${path}${index}`;
  return `${path}${String(index % files).padStart(String(files - 1).length, '0')}`;
}
