// Limits log lines that anyone can cause at will: the first lines of each period are logged, the rest only counted.

const LINES_MAX = 20;
const PERIOD_MS = 10_000;

export class LineLimit {
  readonly #say: (line: string) => void;
  readonly #summarize: (count: number) => string;
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(say: (line: string) => void, summarize: (count: number) => string) {
    this.#say = say;
    this.#summarize = summarize;
  }

  say(line: string): void {
    this.#timer ??= setTimeout(() => this.end(), PERIOD_MS).unref();
    if (++this.#lines <= LINES_MAX) this.#say(line);
  }

  /** Ends the period, and logs how many lines were suppressed. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const count = this.#lines - LINES_MAX;
    this.#lines = 0;
    if (count > 0) this.#say(this.#summarize(count));
  }
}
