// The console of a switch that runs in the foreground at a terminal: a session of tsvdectl, with line editing,
// completion, history and tables, in the switch's own process.
import { duplexPair } from 'node:stream';
import type { ConsoleContext } from '../console/command.ts';
import { greeting } from '../console/reply.ts';
import { runSession } from '../console/session.ts';
import { ConsoleClient } from '../ctl/console-client.ts';
import type { Terminal } from '../ctl/terminal.ts';
import type { TerminalInput } from '../system/terminal-input.ts';
import { outputTo } from './output.ts';
import { openTerminal } from './terminal-session.ts';

/** Returns a line editor for the console. Its run() is to be called at once. */
export async function openForeground(
  context: ConsoleContext,
  input: TerminalInput,
  options: { keepsHistory: boolean },
): Promise<Terminal> {
  process.stdout.on('error', () => {}); // after a hang-up, debug lines are discarded
  const [ours, theirs] = duplexPair();
  ours.once('end', () => ours.destroy());
  theirs.write(greeting(context.version));
  runSession(context, { kind: 'terminal', level: 'full', input: theirs, output: theirs }).then(
    () => theirs.end(),
    (error) => ours.destroy(error), // the client's `ended` gets the error
  );
  let terminal: Terminal | undefined;
  const client = await ConsoleClient.within(ours, { onDebug: (line) => terminal?.tell(line) });
  client.explain();
  // A pager would block the whole process.
  terminal = await openTerminal(client, input, outputTo(process.stdout, { pages: false }), {
    ...options,
    say: (sentence) => context.log(sentence, 'warning'),
    interrupt: () => process.kill(process.pid, 'SIGINT'), // its handler ends the switch
  });
  return terminal;
}
