// Log lines that anyone can cause, as often as they like: the first of a while are said, and of the others how many they were.

const LINES_MAX = 20;
const WHILE_MS = 10_000;

export class LineLimit {
  readonly #say: (line: string) => void;
  readonly #others: (count: number) => string;
  #lines = 0;
  #while: NodeJS.Timeout | undefined;

  constructor(say: (line: string) => void, others: (count: number) => string) {
    this.#say = say;
    this.#others = others;
  }

  say(line: string): void {
    this.#while ??= setTimeout(() => this.end(), WHILE_MS).unref();
    if (++this.#lines <= LINES_MAX) this.#say(line);
  }

  /** Ends the while. */
  end(): void {
    clearTimeout(this.#while);
    this.#while = undefined;
    const count = this.#lines - LINES_MAX;
    this.#lines = 0;
    if (count > 0) this.#say(this.#others(count));
  }
}
