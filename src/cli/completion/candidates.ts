// Finds the words that may come next on a command line of tsvde, tsvdectl or tsvdeq. They are read from the programs'
// own tables of options and commands, and from a running switch: the one that the line names, or else the only one.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Command, Option } from 'commander';
import { keysOf, kinds } from '../../backends/kinds.ts';
import { menus } from '../../console/menus.ts';
import { type Ask, complete } from '../../ctl/completion.ts';
import { ConsoleClient } from '../../ctl/console-client.ts';
import { findConsoles } from '../../ctl/find-console.ts';
import { PROGRAMS, WORDS } from '../../ctl/words.ts';
import { SYSTEM_EMULATOR } from '../../qemu/programs.ts';
import { defineCapture } from '../capture.ts';
import { defineTsvde } from '../define-tsvde.ts';
import { CHECK_NAMES, defineDoctor } from '../doctor.ts';
import { defineEvents } from '../events.ts';
import { defineExpect } from '../expect.ts';
import { definePlug } from '../plug.ts';
import { SUBCOMMANDS } from '../subcommands.ts';
import { defineTsvdectl } from '../tsvdectl.ts';
import { defineTsvdeq } from '../tsvdeq.ts';
import { defineWait } from '../wait.ts';

/** A word that may come next, or `:file` or `:directory` if the shell is to complete a path. */
export interface Candidate {
  word: string;
  help?: string;
}

/** The programs of tsvdectl that have options of their own. extcap is left out, since only Wireshark starts it. */
const DEFINITIONS: Readonly<Record<string, () => Command>> = {
  capture: defineCapture,
  events: defineEvents,
  expect: defineExpect,
  wait: defineWait,
};

/** How long a switch may take to answer, in seconds: the user waits at the prompt. */
const PATIENCE_SECONDS = 1;

/**
 * Matches words that a shell and a terminal take literally. A console that another user serves could offer words that
 * the shell would execute.
 */
const HARMLESS = /^[\w@%+=:,./?-]+$/;

const PATHS: Readonly<Record<string, string>> = { file: ':file', path: ':file', dir: ':directory' };

/** Returns the words that can replace the last of `words`, the words after the program's name. */
export async function candidates(program: string, words: readonly string[]): Promise<Candidate[]> {
  const last = words.at(-1) ?? '';
  const found = await unfiltered(program, words.slice(0, -1), last);
  return found.filter(({ word }) => word.startsWith(':') || word.startsWith(last));
}

async function unfiltered(program: string, before: readonly string[], last: string): Promise<Candidate[]> {
  if (program === 'tsvdectl') return await ofTsvdectl(before, last);
  if (program === 'tsvdeq') return await ofTsvdeq(before, last);
  const [first] = before;
  if (first === 'plug')
    return (await ofOptions(definePlug().options, before.slice(1), last)) ?? [{ word: ':directory' }];
  if (first === 'doctor') {
    const values = await ofOptions(defineDoctor().options, before.slice(1), last);
    return values ?? CHECK_NAMES.map((word) => ({ word }));
  }
  if (first === 'completion') return before.length === 1 ? ['bash', 'zsh', 'fish'].map((word) => ({ word })) : [];
  const options = await ofOptions(defineTsvde('tsvde').options, before, last);
  if (options) return options;
  const names = SUBCOMMANDS.map(({ name, help }) => ({ word: name, help }));
  return before.length === 0
    ? [...names, ...namesOf(defineTsvde('tsvde').options)]
    : namesOf(defineTsvde('tsvde').options);
}

/**
 * Returns the options if `last` begins with a dash, the possible values if `last` is the value of an option, and
 * undefined otherwise.
 */
async function ofOptions(
  options: readonly Option[],
  before: readonly string[],
  last: string,
): Promise<Candidate[] | undefined> {
  const [, name, value] = /^(--?[^=]+)=(.*)$/s.exec(last) ?? [];
  const joined = name === undefined ? undefined : optionOf(options, name);
  if (joined && value !== undefined)
    return (await valuesOf(joined, value)).map(({ word, help }) =>
      word.startsWith(':') ? { word } : { word: `${name}=${word}`, ...(help && { help }) },
    );
  const previous = optionOf(options, before.at(-1) ?? '');
  if (previous?.required) return await valuesOf(previous, last);
  return last.startsWith('-') ? namesOf(options) : undefined;
}

function optionOf(options: readonly Option[], word: string): Option | undefined {
  return options.find(({ short, long }) => word === short || word === long || word === long?.slice(1));
}

function namesOf(options: readonly Option[]): Candidate[] {
  const own = options.map(({ long, description }) => ({ word: long!, help: description }));
  return [...own, { word: '--help', help: 'show the help' }];
}

/** Returns the values of an option, which follow from its choices or from the name of its value in the help. */
async function valuesOf({ argChoices, flags }: Option, last: string): Promise<Candidate[]> {
  if (argChoices) return argChoices.map((word) => ({ word }));
  const [, placeholder = ''] = /[<[](\w+)[>\]]/.exec(flags) ?? [];
  const path = PATHS[placeholder];
  if (path) return [{ word: path }];
  switch (placeholder) {
    case 'spec':
      return (await completed(`port/attach ${last}`, askTables)).map((word) => ({ word }));
    case 'tap':
      return namesIn('/sys/class/net', (name) => readdirSync(`/sys/class/net/${name}`).includes('tun_flags'));
    case 'group':
      return readGroups().map((word) => ({ word }));
    case 'us':
      return [{ word: 'auto', help: 'while polling pays' }];
    case 'cpu':
      return Array.from({ length: availableParallelism() }, (_, cpu) => ({ word: String(cpu) }));
    case 'console':
      return [...findConsoles().map((word) => ({ word, help: 'a running switch' })), { word: ':file' }];
    default:
      return [];
  }
}

function namesIn(directory: string, isWanted: (name: string) => boolean): Candidate[] {
  try {
    return readdirSync(directory)
      .filter(isWanted)
      .map((word) => ({ word }));
  } catch {
    return [];
  }
}

function readGroups(): string[] {
  try {
    return [...readFileSync('/etc/group', 'utf8').matchAll(/^([^:#\n]+):/gm)].map(([, name]) => name!);
  } catch {
    return []; // the groups are elsewhere, in LDAP for example
  }
}

async function ofTsvdectl(before: readonly string[], last: string): Promise<Candidate[]> {
  const { start, mgmt } = firstOperand(defineTsvdectl().options, before);
  const own = start === undefined ? await ofOptions(defineTsvdectl().options, before, last) : undefined;
  if (own) return own;
  const typed = start === undefined ? [] : before.slice(start);
  const paths = mgmt === undefined ? findConsoles() : [mgmt];
  const client = paths.length === 1 ? await connect(paths[0]!) : undefined;
  try {
    const ask: Ask = client ? (line) => client.ask(line) : askTables;
    const define = Object.hasOwn(DEFINITIONS, typed[0] ?? '') ? DEFINITIONS[typed[0]!] : undefined;
    if (define) {
      const options = await ofOptions(define().options, typed.slice(1), last);
      const wantsPort = /^(-p|--port)$/.test(typed.at(-1)!);
      if (!wantsPort) return options ?? [];
      return (await completed(`port ${last}`, ask, WORDS)).map((word) => ({ word }));
    }
    const words = [...WORDS, ...PROGRAMS];
    const helps = new Map(words.map(({ path, help }) => [path, help]));
    const found = await completed([...typed, last].join(' '), ask, words);
    return found.map((word) => ({ word, ...(typed.length === 0 && helps.has(word) && { help: helps.get(word)! }) }));
  } finally {
    client?.close();
  }
}

/** Returns the index of the first word that is neither an option nor the value of one, and the value of --mgmt. */
function firstOperand(options: readonly Option[], words: readonly string[]): { start?: number; mgmt?: string } {
  let mgmt: string | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!word.startsWith('-')) return { start: i, ...(mgmt !== undefined && { mgmt }) };
    const option = optionOf(options, word);
    const value = option?.required ? words[++i] : /^--mgmt=(.*)$/s.exec(word)?.[1];
    if (option?.long === '--mgmt' || word.startsWith('--mgmt=')) mgmt = value;
  }
  return mgmt === undefined ? {} : { mgmt };
}

async function ofTsvdeq(before: readonly string[], last: string): Promise<Candidate[]> {
  const { start } = firstOperand(defineTsvdeq().options, before);
  if (start !== undefined) return [{ word: ':file' }]; // QEMU's own options and files
  const options = await ofOptions(defineTsvdeq().options, before, last);
  if (options) return options;
  const places = new Set((process.env.PATH ?? '').split(':'));
  const names = new Set(
    [...places].flatMap((place) => namesIn(place, (name) => SYSTEM_EMULATOR.test(name)).map(({ word }) => word)),
  );
  return [...names].map((word) => ({ word }));
}

async function connect(path: string): Promise<ConsoleClient | undefined> {
  return await ConsoleClient.connect(path, { timeoutSeconds: PATIENCE_SECONDS }).catch(() => undefined);
}

async function completed(line: string, ask: Ask, words: Parameters<typeof complete>[2] = []): Promise<string[]> {
  return await complete(line, ask, words).then(
    ([found]) => found.filter((word) => HARMLESS.test(word)),
    () => [], // the switch does not answer
  );
}

/** Answers from the tables of commands and kinds as a switch without ports would. */
const askTables: Ask = async (line) => {
  const [, kind] = /^json port\/kinds ?(.*)$/.exec(line) ?? [];
  const data = kind === undefined ? [] : kind === '' ? kinds.map(({ name }) => ({ kind: name })) : keysOf(kind);
  const rows = menus.flatMap(({ commands }) => commands).map(({ path, syntax }) => `${path.padEnd(19)}${syntax}`);
  const lines = line === 'help' ? ['----', ...rows] : line.startsWith('json ') ? [JSON.stringify({ data })] : [];
  return { errno: 0, words: '', lines, ended: false };
};
