// The frames of a plug as an async iterable: bounded, since a plug that is iterated is paused while frames wait here.

/** How many frames may wait here; more wait in the kernel, and then in the switch. */
const LIMIT = 64;

/** The plug, as the queue of one of its iterations sees it. */
export interface FrameSource {
  /** Called when the queue becomes full, and when it is empty again. */
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
  /** Whether the iteration is over: no frame is added any more. */
  #over = false;
  /** Whether the next call of next() is to throw the signal's reason. */
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

  /** Ends the iteration, after the frames that wait here unless they are discarded. */
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
