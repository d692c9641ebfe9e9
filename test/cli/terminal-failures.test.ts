// The line editor when a command fails unexpectedly, and when its terminal is not read.
import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { expect, test } from 'vitest';
import type { ConsoleClient } from '../../src/ctl/console-client.ts';
import { Terminal } from '../../src/ctl/terminal.ts';
import type { TerminalInput } from '../../src/system/terminal-input.ts';

function edit(perform: (line: string) => Promise<{ ended: boolean }>) {
  const input = Object.assign(new PassThrough(), { reading: false });
  const output = new PassThrough();
  const client = { ended: new Promise(() => {}), connected: true };
  const terminal = new Terminal(client as unknown as ConsoleClient, {
    input: input as unknown as TerminalInput,
    output: output as unknown as WriteStream,
    prompt: '$ ',
    history: [],
    historySize: 1,
    onLine() {},
    perform,
    formatDebug: (line) => line,
  });
  return { terminal, input, output };
}

test('an unexpected error of a command ends the line editor with that error', async () => {
  const { terminal, input } = edit(() => Promise.reject(new TypeError('a mistake')));
  const ended = terminal.run();
  input.write('port/print\n');
  await expect(ended).rejects.toThrow('a mistake');
});

test('a debug line is refused while more than 64 KiB wait for the terminal', () => {
  const { terminal, output } = edit(async () => ({ ended: true }));
  output.cork(); // everything waits
  for (let line = 0; line < 64; line++) expect(terminal.tell('x'.repeat(1024))).toBe(true);
  expect(terminal.tell('one more')).toBe(false);
  output.uncork();
  output.resume();
  terminal.close();
});
