// The console of a switch in the foreground: commands on stdin, replies on stdout. Nothing is said before the first reply,
// since programs read the first line as the answer to theirs; only a person at a terminal is shown a prompt at once.
import type { Readable, Writable } from 'node:stream';
import type { ConsoleContext } from './command.ts';
import { PROMPT } from './reply.ts';
import { runSession } from './session.ts';

/** Resolves when stdin ends, or the switch. */
export async function runOnStandardStreams(context: ConsoleContext, input: Readable, output: Writable): Promise<void> {
  output.on('error', () => {}); // a reader that went away wants no replies
  if ('isTTY' in output && output.isTTY) output.write(PROMPT);
  await runSession(context, { kind: 'terminal', input, output });
}
