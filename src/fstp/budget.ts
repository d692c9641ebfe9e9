// A rate limit: at most so many uses per second.

export class Budget {
  readonly #perSecond: number;
  #second = -1;
  #used = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Takes one use at the time `now`, in seconds. Returns false if none is left in that second. */
  take(now: number): boolean {
    const second = Math.floor(now);
    if (second !== this.#second) {
      this.#second = second;
      this.#used = 0;
    }
    if (this.#used >= this.#perSecond) return false;
    this.#used++;
    return true;
  }
}
