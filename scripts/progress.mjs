// Shows how far long work is: at a terminal as one line that changes, elsewhere as one line when the work begins. Both
// go to stderr. ora draws the line; before the first `npm ci` it is not installed, and the line is printed once.
import { stderr } from 'node:process';

/** The time after which an estimate of the remaining time is worth showing, in milliseconds. */
const ESTIMATE_AFTER_MS = 3000;

export class Progress {
  #what;
  #total;
  #done = 0;
  #started = performance.now();
  #spinner;

  /**
   * Begins to show `what` is being done. `total` is how many times advance() will be called; without it, no number is
   * shown.
   */
  static async start(what, total) {
    // ora does not end on a terminal that has 0 columns.
    const spinner = stderr.isTTY && stderr.columns > 0 ? await import('ora').catch(() => undefined) : undefined;
    return new Progress(what, total, spinner?.default({ text: what, stream: stderr, discardStdin: false }));
  }

  constructor(what, total, spinner) {
    this.#what = what;
    this.#total = total;
    this.#spinner = spinner?.start();
    if (!spinner) stderr.write(`--- ${what}\n`);
  }

  /** Shows that one more part is done and, if given, which part is next. */
  advance(next) {
    this.#done++;
    if (this.#spinner) this.#spinner.text = [this.#what, this.#count(), next].filter(Boolean).join(': ');
  }

  /** Shows, at a terminal, that the work is done and how long it took. */
  end() {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    this.#spinner?.succeed(`${this.#what}: ${seconds} s`);
  }

  /** Ends the line; the caller prints the reason. */
  fail() {
    this.#spinner?.fail(this.#what);
  }

  #count() {
    if (this.#total === undefined) return undefined;
    const done = Math.min(this.#done, this.#total);
    const elapsed = performance.now() - this.#started;
    const left =
      elapsed > ESTIMATE_AFTER_MS && done > 0 ? `, ${duration((elapsed / done) * (this.#total - done))} left` : '';
    return `${done} of ${this.#total}${left}`;
  }
}

/** Returns a time such as `about 40 s`. */
function duration(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 100 ? `about ${seconds} s` : `about ${Math.round(seconds / 60)} min`;
}
