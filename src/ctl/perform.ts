// Runs a line that was typed for tsvdectl or a related program: a command of the console, or a word of tsvdectl's own.
import { constants } from 'node:os';
import { printableJson } from '../protocol/printable.ts';
import { ExitError } from '../system/exit-error.ts';
import { type ConsoleClient, NO_REPLY } from './console-client.ts';
import { dataFrom, NoJson } from './console-data.ts';
import { look } from './look.ts';
import type { Screen } from './table.ts';
import { nearestWord, parseTyped, type Typed, WORDS } from './words.ts';

/** The outcome of a command. */
export interface Outcome {
  /** 0 for success. */
  errno: number;
  /** The sentence that says what is wrong; empty for success. */
  sentence: string;
  /** Whether the command ended the session. */
  ended: boolean;
}

/** The place where replies are shown. */
export interface Output {
  /** Shows lines of a reply or, if `drawn`, lines of a table, which may contain escape sequences. */
  show(lines: readonly string[], drawn?: boolean): void;
  write(text: string): void;
  screen: Screen;
  /** The number of lines of the terminal; undefined if the output is not a terminal. */
  height?: number | undefined;
}

export interface PerformOptions {
  json?: boolean;
  /** The number of seconds after which a view is shown again; undefined to show it once. */
  watch?: number | undefined;
  /** Whether the line comes from a line editor, in which a view cannot be watched. */
  editing?: boolean;
}

const { ENOSYS, EINVAL } = constants.errno;
const SUCCESS: Outcome = { errno: 0, sentence: '', ended: false };

/**
 * Sends a command and writes the data of its reply. Throws ExitError, with the errno as its code, if the command
 * failed.
 */
export async function giveCommand(
  client: ConsoleClient,
  line: string,
  write: (text: string) => void,
): Promise<{ words: string }> {
  const { errno = 0, words, lines } = await client.ask(line);
  write(lines.map((text) => `${text}\n`).join(''));
  if (errno === 0) return { words };
  throw new ExitError(errno, `${line}: ${words}`);
}

/** Runs a line. Throws ExitError only if the console does not reply or, unless `editing`, does not support JSON. */
export async function perform(
  client: ConsoleClient,
  line: string,
  output: Output,
  options: PerformOptions = {},
): Promise<Outcome> {
  try {
    const typed = parseTyped(line);
    if (typed.kind === 'view') return await performView(client, typed, output, options);
    if (options.watch !== undefined) refuse('--watch goes with ports, port, macs, vlans and attachments');
    if (typed.kind === 'help') return await performHelp(client, typed.argument, output, options);
    return await performCommand(client, typed.line, output, options);
  } catch (error) {
    if (!(error instanceof ExitError) || error.exitCode === NO_REPLY) throw error;
    if (error instanceof NoJson && !options.editing) throw error;
    const { exitCode: errno, message: sentence } = error;
    if (options.json) output.write(`${jsonOf(errno, sentence)}\n`);
    return { errno, sentence, ended: false };
  }
}

async function performCommand(
  client: ConsoleClient,
  line: string,
  output: Output,
  { json = false }: PerformOptions,
): Promise<Outcome> {
  const { errno = 0, words, lines, ended } = await client.ask(json ? `json ${line}` : line);
  if (json && errno === ENOSYS && lines.length === 0) throw new NoJson(client, 'omit --json');
  output.show(lines);
  if (errno === 0) return { ...SUCCESS, ended };
  const word = errno === ENOSYS && client.isOurs ? nearestWord(line) : undefined;
  if (word) return { errno, sentence: `there is no command '${line}'; did you mean '${word}'? (ENOSYS)`, ended };
  return { errno, sentence: json ? sentenceIn(lines[0]) : words, ended };
}

async function performView(
  client: ConsoleClient,
  { view, argument, ...typed }: Typed & { kind: 'view' },
  output: Output,
  { json = false, watch: wanted, editing = false }: PerformOptions,
): Promise<Outcome> {
  const watch = typed.watch ?? wanted;
  if (editing && watch !== undefined) refuse('--watch goes with tsvdectl itself: tsvdectl ports --watch');
  const { screen, height } = output;
  const isJson = json || typed.json;
  const show = watch === undefined && !isJson ? (lines: readonly string[]) => output.show(lines, true) : undefined;
  await look(view, dataFrom(client), { argument, json: isJson, watch, screen, height, write: output.write, show });
  return SUCCESS;
}

async function performHelp(
  client: ConsoleClient,
  argument: string,
  output: Output,
  { json = false }: PerformOptions,
): Promise<Outcome> {
  if (json) return performCommand(client, `help ${argument}`, output, { json });
  const { lines } = await client.ask(`help ${argument}`.trim());
  const words = WORDS.filter(({ path }) => path.startsWith(argument)).map(
    ({ path, syntax, help }) => `${path.padEnd(18)} ${syntax.padEnd(15)} ${help}`,
  );
  const [heading, dashes, ...rows] = lines;
  output.show([heading ?? '', dashes ?? '', ...words, ...rows]);
  return SUCCESS;
}

function refuse(sentence: string): never {
  throw new ExitError(EINVAL, `${sentence} (EINVAL)`);
}

/** Returns an error of one of tsvdectl's own words, such as `ports`, in the console's JSON format. */
function jsonOf(errno: number, sentence: string): string {
  const [name] = Object.entries(constants.errno).find(([, number]) => number === errno) ?? [];
  const message = sentence.replace(` (${name})`, '');
  return printableJson({ code: 1000 + errno, errno: name, message, data: null });
}

function sentenceIn(line: string | undefined): string {
  const { message = 'failed', errno } = JSON.parse(line ?? '{}') as { message?: string; errno?: string };
  return errno ? `${message} (${errno})` : message;
}

const ERRNOS = new Map(Object.entries(constants.errno));

/** Parses a list of errno names and numbers, `EEXIST,6`. Throws ExitError with `exitCode` for anything else. */
export function parseErrnos(text: string, exitCode: number): number[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const number = /^\d{1,3}$/.test(word) ? Number(word) : ERRNOS.get(word.toUpperCase());
      if (number !== undefined) return number;
      throw new ExitError(exitCode, `'${word}' is not an errno: give names or numbers, such as EEXIST,17`);
    });
}
