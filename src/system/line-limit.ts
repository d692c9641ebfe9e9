// Limits log lines that anyone can cause at will: the first lines of each period are logged, the rest only counted.
import type { Log, LogFields, LogLevel } from './log.ts';

const LINES_MAX = 20;
const PERIOD_MS = 10_000;

export class LineLimit {
  readonly #log: Log;
  readonly #summarize: (count: number) => string;
  #lines = 0;
  /** The level of the last line that was not logged. */
  #level: LogLevel | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, summarize: (count: number) => string) {
    this.#log = log;
    this.#summarize = summarize;
  }

  say(line: string, level?: LogLevel, fields?: LogFields): void {
    this.#timer ??= setTimeout(() => this.end(), PERIOD_MS).unref();
    if (++this.#lines <= LINES_MAX) this.#log(line, level, fields);
    else this.#level = level;
  }

  /** Ends the period, and logs how many lines were suppressed. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const count = this.#lines - LINES_MAX;
    this.#lines = 0;
    if (count > 0) this.#log(this.#summarize(count), this.#level);
  }
}
