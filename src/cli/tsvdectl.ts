// tsvdectl, the command: a client of a switch's console, for scripts and for people at a terminal.
import { isatty, type WriteStream } from 'node:tty';
import { Command, CommanderError, Option } from 'commander';
import { type CommandOptions, giveCommand, parseErrnos } from '../ctl/command.ts';
import { ConsoleClient, NO_REPLY, TIMEOUT_SECONDS } from '../ctl/console-client.ts';
import { findConsoles } from '../ctl/find-console.ts';
import { HISTORY_MAX, historyPath, openHistory } from '../ctl/history.ts';
import { giveLines } from '../ctl/lines.ts';
import { Terminal } from '../ctl/terminal.ts';
import { ExitError } from '../system/exit-error.ts';
import type { TerminalInput } from '../system/terminal-input.ts';
import { TSVDE_VERSION } from '../system/version.ts';
import { print, runProgram, sayAs, standardInput, takeName, terminalInput } from './streams.ts';

const NAME = 'tsvdectl';

interface Parsed {
  mgmt?: string;
  json?: true;
  ignore?: number[];
  timeout: number;
}

const say = sayAs(NAME);

export async function main(argv: readonly string[]): Promise<void> {
  takeName(NAME);
  await runProgram(NAME, run(argv));
}

async function run(argv: readonly string[]): Promise<number> {
  const { words, mgmt, timeout, json = false, ignore = [] } = parse(argv);
  let showDebug = (line: string) => print(`${line}\n`);
  const client = await ConsoleClient.connect(mgmt ?? findOnlyConsole(), {
    timeoutSeconds: timeout,
    onDebug: (line) => showDebug(line),
  });
  try {
    if (client.isOurs) await client.ask('explain 1'); // older versions of tsvde reply ENOSYS
    const options = { json, ignore };
    if (words.length > 0) return await oneCommand(client, words.join(' '), options);
    const input = isatty(1) ? terminalInput() : undefined;
    if (!input) return await commandsFromStdin(client, options);
    const terminal = terminalOf(client, input, json);
    showDebug = (line) => terminal.tell(line);
    print(client.greeting);
    await terminal.run();
    return 0;
  } finally {
    client.close();
  }
}

async function oneCommand(client: ConsoleClient, line: string, options: CommandOptions): Promise<number> {
  await giveCommand(client, line, print, options);
  return 0;
}

/**
 * Sends each command from standard input to the console. A command that fails is reported, and the next one follows.
 * Returns the exit code of the first failure.
 */
async function commandsFromStdin(client: ConsoleClient, options: CommandOptions): Promise<number> {
  let exitCode = 0;
  await giveLines(client, standardInput(), async (line) => {
    if (/^\s*(#|$)/.test(line)) return undefined;
    try {
      return await giveCommand(client, line, print, options);
    } catch (error) {
      if (!(error instanceof ExitError) || error.exitCode === NO_REPLY) throw error;
      say(error.message);
      exitCode ||= error.exitCode;
      return undefined;
    }
  });
  return exitCode;
}

function terminalOf(client: ConsoleClient, input: TerminalInput, json: boolean): Terminal {
  const { lines, add } = openHistory(historyPath(), say);
  return new Terminal(client, {
    input,
    output: process.stdout as WriteStream,
    prompt: json ? 'json$ ' : 'vde$ ',
    command: (line) => (json && line.trim() !== '' ? `json ${line}` : line),
    history: lines,
    historySize: HISTORY_MAX,
    onLine: add,
    format: ({ errno, words, lines }) => [...lines, ...(errno && !json ? [words] : [])],
    formatDebug: (line) => line,
  });
}

function findOnlyConsole(): string {
  const paths = findConsoles();
  if (paths.length === 1) return paths[0]!;
  if (paths.length === 0)
    throw new ExitError(NO_REPLY, 'no switch with a management socket was found here: name one with -M SOCK');
  throw new ExitError(NO_REPLY, `several switches run here; name one with -M:\n  ${paths.join('\n  ')}`);
}

function parse(argv: readonly string[]): Parsed & { words: string[] } {
  const program = define();
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError)
      throw new ExitError(error.exitCode === 0 ? 0 : NO_REPLY, error.message.replace(/^error: /, ''));
    throw error;
  }
  return { ...program.opts<Parsed>(), words: program.args };
}

function define(): Command {
  return new Command(NAME)
    .usage('[options] [COMMAND...]')
    .description(
      "Sends COMMAND to a switch's console. Without COMMAND, sends the lines of stdin; at a terminal, sends each line " +
        'as you type it.',
    )
    .addOption(new Option('-M, --mgmt <path>', "the switch's management socket (default: the only one found)"))
    .addOption(new Option('--json', 'show replies as JSON, one line each'))
    .addOption(
      new Option('--ignore <errors>', 'exit with 0 for these errors too, for example EEXIST,ENXIO').argParser((text) =>
        parseErrnos(text, NO_REPLY),
      ),
    )
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait while the console is silent')
        .default(TIMEOUT_SECONDS)
        .argParser(seconds),
    )
    .helpOption('-h, --help', 'show this help')
    .version(`tsvdectl ${TSVDE_VERSION}`, '--version', 'show the version')
    .argument('[command...]')
    .passThroughOptions()
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

/** Parses a time in seconds. The maximum, 1000000, still fits in a timer. */
function seconds(text: string): number {
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number > 0 && number <= 1_000_000) return number;
  throw new ExitError(NO_REPLY, `'${text}' is not a valid timeout: give seconds, for example 2.5`);
}
