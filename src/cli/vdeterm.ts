// vdeterm, as in vde2: a line editor for a console. It does not show the codes of replies.
import { isatty, type WriteStream } from 'node:tty';
import { ConsoleClient, NO_REPLY } from '../ctl/console-client.ts';
import { giveLines } from '../ctl/lines.ts';
import type { ConsoleReply } from '../ctl/reply-reader.ts';
import { Terminal } from '../ctl/terminal.ts';
import { ExitError } from '../system/exit-error.ts';
import { takeName } from '../system/process.ts';
import { print, runProgram, standardInput, terminalInput } from './streams.ts';

const NAME = 'vdeterm';
const HISTORY_MAX = 128;

export async function main(argv: readonly string[]): Promise<void> {
  await runProgram(NAME, run(argv));
}

async function run(argv: readonly string[]): Promise<number> {
  takeName(NAME, argv);
  const [path] = argv;
  if (path === undefined) throw new ExitError(NO_REPLY, "name a console's socket: vdeterm PATH");
  let showDebug = (line: string) => print(`${formatDebug(line)}\n`);
  const client = await ConsoleClient.connect(path, { onDebug: (line) => showDebug(line) });
  print(client.greeting);
  const input = isatty(1) ? terminalInput() : undefined;
  if (!input) {
    await giveLines(client, standardInput(), async (line) => {
      const reply = await client.ask(line);
      show(reply);
      return reply;
    });
    return 0;
  }
  const terminal = new Terminal(client, {
    input,
    output: process.stdout as WriteStream,
    prompt: `vde[${path}]: `,
    history: [],
    historySize: HISTORY_MAX,
    onLine: () => {},
    async perform(line) {
      const reply = await client.ask(line);
      show(reply);
      return reply;
    },
    formatDebug,
  });
  showDebug = (line) => terminal.tell(line);
  await terminal.run();
  return 0;
}

function show({ words, lines }: ConsoleReply): void {
  print([...lines, ...(words === '' ? [] : [words])].map((text) => `${text}\n`).join(''));
}

function formatDebug(line: string): string {
  return `** DBG MSG: ${line.slice(5)}`;
}
