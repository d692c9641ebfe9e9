// The frames of a plug as an async iterable. Memory is bounded: a full queue pauses the plug until the queue is empty
// again.

/** The most frames that wait here; further frames wait in the kernel, and then in the switch. */
const LIMIT = 64;

/** The part of a plug that the queue of one iteration uses. */
export interface FrameSource {
  /** Called with true when the queue becomes full, and with false when it is empty again. */
  full(queue: FrameQueue, full: boolean): void;
  /** Called once, when the iteration is over. */
  left(queue: FrameQueue): void;
}

type Result = IteratorResult<Buffer, undefined>;

export class FrameQueue implements AsyncIterableIterator<Buffer, undefined> {
  readonly #source: FrameSource;
  readonly #signal: AbortSignal | undefined;
  readonly #frames: Buffer[] = [];
  readonly #readers: { resolve(result: Result): void; reject(reason: unknown): void }[] = [];
  readonly #abort = () => this.#fail();
  /** Whether the iteration is over, so that no more frames are added. */
  #over = false;
  /** Whether the next call of next() throws the signal's reason. */
  #failed = false;

  constructor(source: FrameSource, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
    if (signal?.aborted) this.#fail();
    else signal?.addEventListener('abort', this.#abort);
  }

  push(frame: Buffer): void {
    if (this.#over) return;
    const reader = this.#readers.shift();
    if (reader) reader.resolve({ value: frame, done: false });
    else this.#frames.push(frame);
    if (this.#frames.length === LIMIT) this.#source.full(this, true);
  }

  /** Ends the iteration. The frames that wait here are delivered first, unless `discard` drops them. */
  end(discard: boolean): void {
    if (discard) this.#frames.length = 0;
    this.#leave();
    for (const { resolve } of this.#readers.splice(0)) resolve({ value: undefined, done: true });
  }

  async next(): Promise<Result> {
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      if (this.#frames.length === 0 && !this.#over) this.#source.full(this, false);
      return { value: frame, done: false };
    }
    if (this.#failed) {
      this.#failed = false;
      throw this.#signal?.reason;
    }
    if (this.#over) return { value: undefined, done: true };
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  async return(): Promise<Result> {
    this.end(true);
    this.#failed = false;
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #fail(): void {
    const [reader, ...others] = this.#readers.splice(0);
    this.#failed = !reader;
    reader?.reject(this.#signal?.reason);
    this.end(true);
    for (const { resolve } of others) resolve({ value: undefined, done: true });
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#source.left(this);
  }
}
