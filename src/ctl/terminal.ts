// A console at a terminal: a line editor with history and completion. Debug lines come above the line that is being typed,
// which stays as it is.
import { createInterface, type Interface } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { printable } from '../protocol/printable.ts';
import { complete } from './completion.ts';
import type { ConsoleClient } from './console-client.ts';
import type { ConsoleReply } from './reply-reader.ts';

export interface TerminalOptions {
  input: ReadStream;
  output: WriteStream;
  prompt: string;
  /** Newest first. */
  history: string[];
  historySize: number;
  onLine(line: string): void;
  /** What is asked for a line that was typed. */
  command?(line: string): string;
  /** The lines of a reply. */
  format(reply: ConsoleReply): string[];
  formatDebug(line: string): string;
}

export class Terminal {
  readonly #client: ConsoleClient;
  readonly #options: TerminalOptions;
  readonly #editor: Interface;
  readonly #waiting: string[] = [];
  /** The editor's line is on the screen: no command is at work. */
  #editing = false;

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
        complete(line, (command) => client.ask(command)).then(
          ([words, beginning]) => done(null, [words.length === 1 ? [`${words[0]} `] : words, beginning]),
          () => done(null, [[], line]), // the console has gone, which is told elsewhere
        );
      },
    });
  }

  /** Resolves when the person has left, or has asked the console to go; throws its reason when it went by itself. */
  async run(): Promise<void> {
    const { onLine } = this.#options;
    const left = new Promise<void>((resolve) => {
      this.#editor.on('close', resolve);
    });
    this.#editor.on('SIGINT', () => this.#interrupt());
    this.#editor.on('line', (line) => {
      if (line.trim() !== '') onLine(line);
      this.#waiting.push(line);
      if (this.#editing) void this.#work();
    });
    this.#edit();
    try {
      const why = await Promise.race([left, this.#client.ended]);
      if (why) throw why;
    } finally {
      this.#editor.close();
    }
  }

  /** Above the line being typed. */
  tell(line: string): void {
    const { output, formatDebug } = this.#options;
    const text = `${printable(formatDebug(line))}\n`;
    if (!this.#editing) {
      output.write(text);
      return;
    }
    const { rows } = this.#editor.getCursorPos();
    output.moveCursor(0, -rows);
    output.cursorTo(0);
    output.clearScreenDown();
    // The editor draws its line again from as many rows up as it was down: so far down it is put.
    output.write(text + '\n'.repeat(rows));
    this.#editor.prompt(true);
  }

  async #work(): Promise<void> {
    const { command = String, output, format } = this.#options;
    this.#editing = false;
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      const reply = await this.#client.ask(command(line)).catch(() => undefined); // why, `ended` tells
      if (!reply) return;
      for (const text of format(reply)) output.write(`${printable(text)}\n`);
      if (reply.ended) return this.#editor.close();
    }
    this.#edit();
  }

  #edit(): void {
    this.#editing = true;
    this.#editor.prompt();
  }

  /** As in a shell: the line is given up. With nothing typed, or while a command is at work, it is the end. */
  #interrupt(): void {
    if (this.#editing && this.#editor.line !== '') {
      this.#editor.write(null, { ctrl: true, name: 'e' });
      this.#editor.write(null, { ctrl: true, name: 'u' });
      this.#options.output.write('^C\n');
      this.#edit();
      return;
    }
    this.#editor.close();
    process.kill(process.pid, 'SIGINT');
  }
}
