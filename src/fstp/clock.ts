// The machine's own time, which stands still while the process is stopped, as vde_switch's does. Otherwise a switch
// that was stopped for a minute would take every neighbour for dead when it wakes, and open its blocked ports: a loop.

/** The most by which one reading advances the clock, which is read at least once a second. */
const STEP_MAX_SECONDS = 2;

export class Clock {
  #now = 0;
  #readAt: number | undefined;

  /** Returns the machine's time when the caller's is `now`. */
  at(now: number): number {
    const step = this.#readAt === undefined ? 0 : now - this.#readAt;
    this.#readAt = now;
    this.#now += Math.min(Math.max(step, 0), STEP_MAX_SECONDS);
    return this.#now;
  }
}
