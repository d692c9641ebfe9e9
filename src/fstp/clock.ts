// The machine's own time: it stands still while the process does, as the original's does. A switch that was stopped
// for a minute would else take every neighbour for dead when it wakes, and open what they have blocked: a loop.

/** Told the time at least once a second, it notices no more than this at a time. */
const STEP_MAX_SECONDS = 2;

export class Clock {
  #now = 0;
  #told: number | undefined;

  /** The machine's time, at `now` of the teller's. */
  at(now: number): number {
    const step = this.#told === undefined ? 0 : now - this.#told;
    this.#told = now;
    this.#now += Math.min(Math.max(step, 0), STEP_MAX_SECONDS);
    return this.#now;
  }
}
