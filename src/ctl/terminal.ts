// A console at a terminal: a line editor with history and completion. Debug lines appear above the line that is being
// typed, which stays on the screen.
import { createInterface, type Interface } from 'node:readline';
import type { WriteStream } from 'node:tty';
import { printable } from '../protocol/printable.ts';
import { ExitError } from '../system/exit-error.ts';
import type { TerminalInput } from '../system/terminal-input.ts';
import { complete, isUnfinished } from './completion.ts';
import type { ConsoleClient } from './console-client.ts';
import type { Word } from './words.ts';

/** The most bytes that wait for a terminal that is not read before further debug lines are refused. */
const PENDING_MAX = 64 * 1024;

export interface TerminalOptions {
  input: TerminalInput;
  output: WriteStream;
  prompt: string;
  /** Earlier lines, newest first. */
  history: string[];
  historySize: number;
  /** The words that are completed in addition to the console's commands. */
  words?: readonly Word[];
  onLine(line: string): void;
  /** Runs a typed line and shows its reply. Throws ExitError if the console does not reply, or is not asked. */
  perform(line: string): Promise<{ ended: boolean }>;
  formatDebug(line: string): string;
  /** Called for Ctrl-C at an empty line or while a command runs. By default SIGINT ends the program. */
  interrupt?(): void;
}

export class Terminal {
  readonly #client: ConsoleClient;
  readonly #options: TerminalOptions;
  readonly #editor: Interface;
  readonly #waiting: string[] = [];
  /** Whether a command is running. */
  #working = false;
  #closed = false;

  constructor(client: ConsoleClient, options: TerminalOptions) {
    this.#client = client;
    this.#options = options;
    const { input, output, prompt, history, historySize } = options;
    this.#editor = createInterface({
      input,
      output,
      prompt,
      history,
      historySize,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        complete(line, (command) => client.ask(command), options.words).then(
          ([words, beginning]) => done(null, [words.length === 1 ? [ended(words[0]!)] : words, beginning]),
          () => done(null, [[], line]), // the console has ended, which run() reports
        );
      },
    });
  }

  /**
   * Runs until the user or a command ends the session. Throws ExitError if the console disconnects by itself, and any
   * unexpected error of perform().
   */
  async run(): Promise<void> {
    const { onLine, input } = this.#options;
    const closed = new Promise<void>((resolve) => {
      this.#editor.on('close', () => {
        if (this.#editing) this.#options.output.write('\n'); // what follows begins on a line of its own
        this.#closed = true;
        resolve();
      });
    });
    let fail!: (error: unknown) => void;
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    this.#editor.on('SIGINT', () => this.#interrupt());
    this.#editor.on('SIGTSTP', () => input.suspend());
    input.on('foreground', () => this.#edit());
    this.#editor.on('line', (line) => {
      if (line.trim() !== '') onLine(line);
      this.#waiting.push(line);
      if (!this.#working) this.#work().catch(fail);
    });
    try {
      const reason = await Promise.race([closed, this.#client.ended, failed]);
      if (reason) throw reason;
    } finally {
      this.#editor.close();
    }
  }

  /** Ends run(), and leaves the terminal as it was. */
  close(): void {
    this.#editor.close();
  }

  /** Shows a debug line above the line that is being typed. Returns false if there is no room for the line. */
  tell(line: string): boolean {
    const { output, formatDebug } = this.#options;
    if (output.writableLength > PENDING_MAX) return false;
    const text = `${printable(formatDebug(line))}\n`;
    if (!this.#editing) {
      output.write(text);
      return true;
    }
    const { rows } = this.#editor.getCursorPos();
    output.moveCursor(0, -rows);
    output.cursorTo(0);
    output.clearScreenDown();
    // prompt() moves the cursor up by `rows` before it redraws the typed line. So first move the cursor down by `rows`.
    output.write(text + '\n'.repeat(rows));
    this.#editor.prompt(true);
    return true;
  }

  async #work(): Promise<void> {
    const { perform } = this.#options;
    this.#working = true;
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      const outcome = await perform(line).catch((error) => {
        if (!(error instanceof ExitError)) throw error;
        if (!this.#client.connected) return undefined; // run() gets the reason from the client's `ended`
        this.#options.output.write(`${error.message}\n`);
        return { ended: false };
      });
      if (!outcome) return;
      if (outcome.ended) return this.#editor.close();
    }
    this.#working = false;
    this.#edit();
  }

  /** Whether the typed line is on the screen. It is not while a command runs or the program is in the background. */
  get #editing(): boolean {
    return !this.#working && !this.#closed && this.#options.input.reading;
  }

  #edit(): void {
    if (this.#editing) this.#editor.prompt(true);
  }

  /** Discards the typed line, as a shell does. If the line is empty, or while a command runs, ends the program. */
  #interrupt(): void {
    if (this.#editing && this.#editor.line !== '') {
      this.#editor.write(null, { ctrl: true, name: 'e' });
      this.#editor.write(null, { ctrl: true, name: 'u' });
      this.#options.output.write('^C\n');
      this.#edit();
      return;
    }
    const { interrupt } = this.#options;
    if (interrupt) {
      interrupt();
      return;
    }
    this.#editor.close();
    process.kill(process.pid, 'SIGINT');
  }
}

/** Returns a completed word, with a space after it unless the user is to continue the word. */
function ended(word: string): string {
  return isUnfinished(word) ? word : `${word} `;
}
