// Writes to a file in order, in the background and with bounded memory, so that write() never waits for a disk. Data
// that does not fit is dropped and counted; the first error closes the file, with one log line.
import { closeSync, fstatSync, write, writeSync } from 'node:fs';
import { describeError } from '../../system/errno.ts';
import type { OpenFile } from './regular-file.ts';

/** The most bytes that may wait to be written. */
const WAITING_MAX = 4 << 20;
/** How long flush() waits for an append in progress before it appends the rest, in milliseconds. */
const APPEND_MS = 200;
/** In buffered mode, a write starts once this many bytes are waiting. */
const BLOCK = 64 << 10;

export interface FileWriterOptions {
  file: OpenFile;
  /** Whether the file was opened with O_APPEND. */
  appends: boolean;
  /** A plural noun for the data in log lines, such as `frames`. */
  noun: string;
  log(message: string): void;
  /** Called when an error has closed the file. */
  onFailure(): void;
}

export class FileWriter {
  readonly #options: FileWriterOptions;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #position = 0;
  #inFlight: { block: Buffer; position: number } | undefined;
  #buffered = false;
  #ended = false;
  #lost = 0;

  constructor(options: FileWriterOptions) {
    this.#options = options;
  }

  get file(): OpenFile {
    return this.#options.file;
  }

  set buffered(buffered: boolean) {
    this.#buffered = buffered;
    this.#startNextWrite();
  }

  write(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#waitingBytes + chunk.length > WAITING_MAX) {
      if (this.#lost++ === 0) this.#log(`${this.#options.noun} are lost: the disk is too slow`);
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#startNextWrite();
  }

  /** Writes all waiting data before it returns. */
  flush(): void {
    if (this.#ended) return;
    try {
      if (this.#inFlight) this.#settle(this.#inFlight);
      this.#writeNow(this.#take());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Flushes and closes the file; idempotent. */
  close(): void {
    this.flush();
    if (this.#ended) return;
    this.#end();
    if (this.#lost > 0) this.#log(`${this.#lost} ${this.#options.noun} were lost: the disk is too slow`);
  }

  #startNextWrite(): void {
    const enough = this.#buffered ? BLOCK : 1;
    if (!this.#ended && !this.#inFlight && this.#waitingBytes >= enough) this.#start(this.#take());
  }

  #start(inFlight: { block: Buffer; position: number }): void {
    const { block, position } = inFlight;
    this.#inFlight = inFlight;
    write(this.file.fd, block, 0, block.length, this.#at(position), (error, written) => {
      this.#inFlight = undefined;
      if (this.#ended) this.#release();
      else if (error) this.#fail(error);
      else if (written < block.length) this.#start({ block: block.subarray(written), position: position + written });
      else this.#startNextWrite();
    });
  }

  /** Completes the write in progress, which may be slow or partial. */
  #settle(inFlight: { block: Buffer; position: number }): void {
    // At a fixed position, writing the same bytes twice is harmless, so the block is written again at once. Appending
    // it twice is not harmless, so an append in progress is waited for.
    if (!this.#options.appends) {
      this.#writeNow(inFlight);
      return;
    }
    const end = inFlight.position + inFlight.block.length;
    const clock = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; waited < APPEND_MS && fstatSync(this.file.fd).size < end; waited++)
      Atomics.wait(clock, 0, 0, 1);
  }

  #take(): { block: Buffer; position: number } {
    const position = this.#options.appends ? fstatSync(this.file.fd).size : this.#position;
    const taken = { block: Buffer.concat(this.#waiting), position };
    this.#position += this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return taken;
  }

  #writeNow({ block, position }: { block: Buffer; position: number }): void {
    for (let done = 0; done < block.length; )
      done += writeSync(this.file.fd, block, done, block.length - done, this.#at(position + done));
  }

  #at(position: number): number | null {
    return this.#options.appends ? null : position;
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#end();
    this.#log(`cannot write: ${describeError(error)}; no more ${this.#options.noun} are written`);
    this.#options.onFailure();
  }

  #end(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (!this.#inFlight) this.#release();
  }

  #release(): void {
    try {
      closeSync(this.file.fd);
    } catch (error) {
      this.#log(`cannot close: ${describeError(error)}`);
    }
  }

  #log(message: string): void {
    this.#options.log(`${this.file.path}: ${message}`);
  }
}
