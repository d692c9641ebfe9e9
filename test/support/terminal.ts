// A program at a terminal, as a person sees it: takes keys and shows a screen.
import { fileURLToPath } from 'node:url';
import { type Started, start } from './process.ts';
import { temporaryDirectory } from './temporary.ts';
import { until } from './wait.ts';

const driver = fileURLToPath(new URL('screen.py', import.meta.url));

export class Screen {
  readonly #started: Started;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv, columns = 80) {
    const state = temporaryDirectory(); // no test adds to the user's own history
    this.#started = start('/usr/bin/python3', [driver, String(columns), '30', command, ...args], {
      env: { ...process.env, TERM: 'xterm', XDG_STATE_HOME: state, ...env },
    });
  }

  type(keys: string): void {
    this.#started.stdin.write(keys);
  }

  /** The last line of the screen that is not empty. */
  get line(): string {
    return this.text.split('\n').at(-1)!;
  }

  get text(): string {
    return (this.#states.at(-1)?.lines ?? []).join('\n').trimEnd();
  }

  /** The column of the cursor. */
  get column(): number | undefined {
    return this.#states.at(-1)?.x;
  }

  async shows(what: string | RegExp): Promise<void> {
    const seen = () => (typeof what === 'string' ? this.text.includes(what) : what.test(this.text));
    await until(seen, () => `${what} on the screen:\n${this.text}\n${this.#started.stderr()}`, 10_000);
  }

  /** Types a line and waits until the screen shows the result. */
  async enter(line: string, result: string | RegExp): Promise<void> {
    this.type(`${line}\r`);
    await this.shows(result);
  }

  /** Leaves what the program writes unread, so that the terminal is soon full. */
  stall(): void {
    this.#started.signal('SIGSTOP');
  }

  /** Reads again after stall(). */
  resume(): void {
    this.#started.signal('SIGCONT');
  }

  /** Closes the terminal, as happens when a terminal window is closed or an ssh connection is lost. */
  hangUp(): Promise<void> {
    return this.#started.stop('SIGKILL');
  }

  /** Waits for the end of the program; returns its exit code, or its signal as a negative number. */
  async exit(): Promise<number> {
    await this.#started.exited;
    const { code } = JSON.parse(this.#started.stdout().trim().split('\n').at(-1)!) as { code: number };
    return code;
  }

  get #states(): { lines: string[]; x: number; y: number }[] {
    return this.#started
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .filter((state) => state.lines !== undefined)
      .slice(-1);
  }
}
