// When to try again what failed: soon at first, then ever later. What held only briefly counts as a failure, so that a peer
// that takes and drops everybody is not asked without end.

const MOST_MS = 30_000;

export class BackOff {
  readonly #firstMs: number;
  #nextMs: number;
  #madeAt: number | undefined;

  constructor(firstMs: number) {
    this.#firstMs = firstMs;
    this.#nextMs = firstMs;
  }

  made(now: number): void {
    this.#madeAt = now;
  }

  /** It failed, or what was made is lost: how long to wait, in milliseconds. */
  failed(now: number): number {
    if (this.#madeAt !== undefined && now - this.#madeAt >= this.#nextMs) this.#nextMs = this.#firstMs;
    this.#madeAt = undefined;
    const wait = this.#nextMs;
    this.#nextMs = Math.max(this.#firstMs, Math.min(MOST_MS, 2 * wait));
    return wait;
  }
}
