// tsvdectl, the command: a client of a switch's console, for scripts and for people at a terminal.
import { isatty, type WriteStream } from 'node:tty';
import { Command, CommanderError, Option } from 'commander';
import { ConsoleClient, NO_REPLY, TIMEOUT_SECONDS } from '../ctl/console-client.ts';
import { nameOf } from '../ctl/console-data.ts';
import { findConsoles } from '../ctl/find-console.ts';
import { giveLines } from '../ctl/lines.ts';
import { type Outcome, type Output, type PerformOptions, parseErrnos, perform } from '../ctl/perform.ts';
import { views } from '../ctl/views.ts';
import { PROGRAMS, parseSeconds, watchSeconds } from '../ctl/words.ts';
import { ExitError } from '../system/exit-error.ts';
import { takeName } from '../system/process.ts';
import { TSVDE_VERSION } from '../system/version.ts';
import { outputTo } from './output.ts';
import { sayAs } from './stderr.ts';
import { print, runProgram, standardInput, terminalInput } from './streams.ts';
import type { Invocation } from './sub-program.ts';

const NAME = 'tsvdectl';

interface Parsed {
  mgmt?: string;
  json?: true;
  watch?: number;
  ignore?: number[];
  timeout: number;
}

const say = sayAs(NAME);

/** Words with options of their own. The module of a word is loaded on first use. Wireshark runs `extcap`. */
const RUN = new Map<string, (invocation: Invocation) => Promise<number>>([
  ['capture', async (invocation) => (await import('./capture.ts')).capture(invocation)],
  ['events', async (invocation) => (await import('./events.ts')).events(invocation)],
  ['expect', async (invocation) => (await import('./expect.ts')).expect(invocation)],
  ['extcap', async (invocation) => (await import('./extcap.ts')).extcap(invocation)],
  ['wait', async (invocation) => (await import('./wait.ts')).wait(invocation)],
]);

export async function main(argv: readonly string[]): Promise<void> {
  takeName(NAME);
  await runProgram(NAME, run(argv));
}

async function run(argv: readonly string[]): Promise<number> {
  const { words, mgmt, timeout, json = false, watch, ignore = [] } = parse(argv);
  const program = RUN.get(words[0] ?? '');
  if (program) {
    if ((json && words[0] !== 'events') || watch !== undefined || ignore.length > 0)
      throw new ExitError(NO_REPLY, `${words[0]} has no replies: omit --json, --watch and --ignore`);
    return await program({ words: words.slice(1), path: () => mgmt ?? findOnlyConsole(), timeout, json, say });
  }
  let showDebug = (line: string) => print(`${line}\n`);
  const client = await ConsoleClient.connect(mgmt ?? findOnlyConsole(), {
    timeoutSeconds: timeout,
    onDebug: (line) => showDebug(line),
  });
  if (client.isOurs) client.explain();
  const { stdout } = process;
  const output = outputTo(stdout, { pages: Boolean(stdout.isTTY) && isatty(0) }); // isatty() alone would load node:tty
  const options = { json, watch };
  if (words[0] === 'top') {
    await top(client, words.slice(1), options, output);
    return 0;
  }
  if (words.length > 0) {
    throwIfFailed(words.join(' '), await perform(client, words.join(' '), output, options), ignore);
    return 0;
  }
  const input = isatty(1) ? terminalInput() : undefined;
  if (!input) return await commandsFromStdin(client, output, options, ignore);
  const { openTerminal } = await import('./terminal-session.ts');
  const terminal = await openTerminal(client, input, output, { ...options, say });
  showDebug = (line) => terminal.tell(line);
  print(client.greeting);
  await terminal.run();
  return 0;
}

/** Shows the ports on the full screen of the terminal. Throws ExitError without a terminal, and for options. */
async function top(
  client: ConsoleClient,
  words: readonly string[],
  { json, watch }: PerformOptions,
  { screen }: Output,
): Promise<void> {
  if (words.length > 0 || json || watch !== undefined)
    throw new ExitError(NO_REPLY, 'top takes no arguments, and neither --json nor --watch');
  if (!isatty(0) || !isatty(1) || process.env.TERM === 'dumb')
    throw new ExitError(NO_REPLY, 'top needs a terminal: use `tsvdectl --watch ports` elsewhere');
  const switchName = await nameOf(client); // also finds out whether the console is tsvde's
  process.env.CI = 'false'; // otherwise ink draws nothing before the end where CI is set
  const { runTop } = await import('../ctl/top/run-top.ts');
  await runTop(client, { switchName, output: process.stdout as WriteStream, paint: screen.paint });
}

function throwIfFailed(line: string, { errno, sentence }: Outcome, ignore: readonly number[]): void {
  if (errno !== 0 && !ignore.includes(errno)) throw new ExitError(errno, `${line}: ${sentence}`);
}

/**
 * Sends each command from standard input to the console. A command that fails is reported, and the next one follows.
 * Returns the exit code of the first failure, or 0.
 */
async function commandsFromStdin(
  client: ConsoleClient,
  output: Output,
  options: PerformOptions,
  ignore: readonly number[],
): Promise<number> {
  let exitCode = 0;
  await giveLines(client, standardInput(), async (line) => {
    if (/^\s*(#|$)/.test(line)) return { ended: false };
    const outcome = await perform(client, line, output, options);
    try {
      throwIfFailed(line, outcome, ignore);
    } catch (error) {
      say((error as ExitError).message);
      exitCode ||= outcome.errno;
    }
    return outcome;
  });
  return exitCode;
}

function findOnlyConsole(): string {
  const paths = findConsoles();
  if (paths.length === 1) return paths[0]!;
  if (paths.length === 0)
    throw new ExitError(NO_REPLY, 'no switch with a management socket was found here: name one with -M SOCK');
  throw new ExitError(NO_REPLY, `several switches run here; name one with -M:\n  ${paths.join('\n  ')}`);
}

function parse(argv: readonly string[]): Parsed & { words: string[] } {
  const program = defineTsvdectl();
  try {
    program.parse(withWatch(argv), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError)
      throw new ExitError(error.exitCode === 0 ? 0 : NO_REPLY, error.message.replace(/^error: /, ''));
    throw error;
  }
  return { ...program.opts<Parsed>(), words: program.args };
}

/** Returns the definition of tsvdectl. */
export function defineTsvdectl(): Command {
  return new Command(NAME)
    .usage(
      [
        '[options] [COMMAND...]',
        'tsvdectl [options] capture [capture options] [FILTER...]',
        'tsvdectl [options] events [--json]',
        'tsvdectl [options] wait [--timeout TIME] CONDITION',
        'tsvdectl [options] expect [expect options] FILTER',
      ].join('\n       '),
    )
    .description(
      "Sends COMMAND to a switch's console. Without COMMAND, sends the lines of stdin; at a terminal, sends each line " +
        'as you type it.',
    )
    .addOption(new Option('-M, --mgmt <console>', "the switch's management socket (default: the only one found)"))
    .addOption(new Option('--json', 'show replies as JSON, one line each'))
    .addOption(new Option('--watch [seconds]', 'show a table repeatedly (default: every second)').argParser(interval))
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
    .addHelpText('after', wordsHelp)
    .passThroughOptions()
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

/** Returns the part of the help that lists the words of tsvdectl itself. */
function wordsHelp(): string {
  const row = (word: string, help: string) => `  ${word.padEnd(21)}${help}\n`;
  const tables = views.map(({ name, syntax, help }) => row(`${name} ${syntax}`, help)).join('');
  const programs = PROGRAMS.map(({ path, syntax, help }) => row(`${path} ${syntax}`, help)).join('');
  return `\nTables:\n${tables}\nPrograms (all but top have a --help of their own):\n${programs}\nEvery other COMMAND is the console's: tsvdectl help\n`;
}

/** Parses the interval of --watch. Throws ExitError for an invalid interval. */
function interval(text: string): number {
  try {
    return watchSeconds(text);
  } catch (error) {
    throw new ExitError(NO_REPLY, (error as ExitError).message);
  }
}

function seconds(text: string): number {
  const number = parseSeconds(text);
  if (number !== undefined) return number;
  throw new ExitError(NO_REPLY, `'${text}' is not a valid timeout: give seconds, for example 2.5`);
}

/** Gives `--watch` its default value, so that the next word is not taken as its value. */
function withWatch(argv: readonly string[]): string[] {
  return argv.map((word) => (word === '--watch' ? '--watch=1' : word));
}
