// The spanning tree's own clock. Like vde_switch's, it stands still while the process is stopped. Otherwise a switch
// that was stopped for a minute would find every neighbour's offer expired when it continues, and would open its
// blocked ports: a loop.

/** The most that one reading advances the clock, which is read at least once a second. */
const STEP_MAX_SECONDS = 2;

export class Clock {
  #now = 0;
  #readAt: number | undefined;

  /** Returns this clock's time when the caller's time is `now`; both are in seconds. */
  at(now: number): number {
    const step = this.#readAt === undefined ? 0 : now - this.#readAt;
    this.#readAt = now;
    this.#now += Math.min(Math.max(step, 0), STEP_MAX_SECONDS);
    return this.#now;
  }
}
