// A session of tsvdectl at a terminal: a line editor with a history.
import type { WriteStream } from 'node:tty';
import type { ConsoleClient } from '../ctl/console-client.ts';
import { nameOf } from '../ctl/console-data.ts';
import { HISTORY_MAX, historyPath, openHistory } from '../ctl/history.ts';
import { type Output, type PerformOptions, perform } from '../ctl/perform.ts';
import { Terminal } from '../ctl/terminal.ts';
import { WORDS } from '../ctl/words.ts';
import type { TerminalInput } from '../system/terminal-input.ts';

export interface TerminalSessionOptions extends PerformOptions {
  /** Whether typed lines are kept for later sessions; by default they are. */
  keepsHistory?: boolean;
  /** Reports that the history cannot be kept. */
  say(sentence: string): void;
  /** See TerminalOptions. */
  interrupt?(): void;
}

/** Returns a line editor for a console. Its run() is to be called at once. */
export async function openTerminal(
  client: ConsoleClient,
  input: TerminalInput,
  output: Output,
  { say, interrupt, keepsHistory = true, ...options }: TerminalSessionOptions,
): Promise<Terminal> {
  const { lines, add } = keepsHistory ? openHistory(historyPath(), say) : { lines: [], add() {} };
  const name = client.isOurs ? await nameOf(client) : 'vde';
  return new Terminal(client, {
    input,
    output: process.stdout as WriteStream,
    prompt: options.json ? `${name} json$ ` : `${name}$ `,
    words: WORDS,
    history: lines,
    historySize: HISTORY_MAX,
    onLine: add,
    async perform(line) {
      if (line.trim() === '') return { ended: false };
      const outcome = await perform(client, line, output, { ...options, editing: true });
      if (outcome.errno !== 0 && !options.json) output.show([outcome.sentence]);
      return outcome;
    },
    formatDebug: (line) => line,
    ...(interrupt && { interrupt }),
  });
}
