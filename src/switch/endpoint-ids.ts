// Chooses the IDs of endpoints. As with process IDs, numbers are reused as late as possible, so that a late event of an
// endpoint that has ended does not reach another endpoint.

/**
 * The highest ID that is used while lower ones are free. IDs of up to four digits fit in a data socket's path even if
 * the control directory's path has its maximum length.
 */
const SHORT_IDS = 9999;

export class EndpointIds {
  readonly #used = new Set<number>();
  #last = 0;

  /** Returns an unused ID, which stays unused until add(). */
  next(): number {
    const round = this.#used.size < SHORT_IDS ? SHORT_IDS : 2 * this.#used.size;
    do this.#last = (this.#last % round) + 1;
    while (this.#used.has(this.#last));
    return this.#last;
  }

  has(id: number): boolean {
    return this.#used.has(id);
  }

  add(id: number): void {
    this.#used.add(id);
  }

  delete(id: number): void {
    this.#used.delete(id);
  }
}
