// Delays between attempts: short at first, then doubled. A success that lasts less than the current delay does not
// reset it, so that a peer that accepts and then drops every connection is not flooded with attempts.

const MOST_MS = 30_000;

export class BackOff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #nextMs: number;
  #succeededAt: number | undefined;

  /** The delays begin with `firstMs` and end with `mostMs`, or stay `firstMs` if that is longer. */
  constructor(firstMs: number, mostMs = MOST_MS) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#nextMs = firstMs;
  }

  /** Notes that an attempt succeeded. */
  made(now: number): void {
    this.#succeededAt = now;
  }

  /** Notes that an attempt failed, or that its connection was lost. Returns how long to wait, in milliseconds. */
  failed(now: number): number {
    if (this.#succeededAt !== undefined && now - this.#succeededAt >= this.#nextMs) this.#nextMs = this.#firstMs;
    this.#succeededAt = undefined;
    const wait = this.#nextMs;
    this.#nextMs = Math.max(this.#firstMs, Math.min(this.#mostMs, 2 * wait));
    return wait;
  }
}
