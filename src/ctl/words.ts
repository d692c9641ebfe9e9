// The words of tsvdectl itself: the views, the programs, and words that end the session or show help. All others are
// the console's.
import { constants } from 'node:os';
import { nearestName } from '../protocol/nearest.ts';
import { ExitError } from '../system/exit-error.ts';
import type { View } from './views/view.ts';
import { views } from './views.ts';

export type Typed =
  | { kind: 'view'; view: View; argument: string; json: boolean; watch: number | undefined }
  /** The word `?`: tsvdectl's own words, then the console's help. The word `help` is a command of the console. */
  | { kind: 'help'; argument: string }
  | { kind: 'command'; line: string };

const WATCH_SECONDS = 1;
/** Other names for commands of the console. */
const ALIASES: Readonly<Record<string, string>> = { exit: 'logout', quit: 'logout' };

/** A row of the help, which completion also uses. */
export interface Word {
  path: string;
  syntax: string;
  help: string;
}

export const WORDS: readonly Word[] = [
  ...views.map(({ name, syntax, help }) => ({ path: name, syntax, help })),
  { path: 'exit', syntax: '', help: 'end this session, as quit and logout do' },
  { path: '?', syntax: '[arg]', help: 'show these words and the help of the console' },
];

/** Words that tsvdectl runs as programs with options of their own, and that are not commands of a session. */
export const PROGRAMS: readonly Word[] = [
  { path: 'top', syntax: '', help: 'show the ports on the full screen, live' },
  { path: 'capture', syntax: '[FILTER]', help: 'write the frames of ports as pcapng, for Wireshark and tcpdump' },
  { path: 'events', syntax: '', help: 'show what happens in the switch, until interrupted' },
  { path: 'wait', syntax: 'CONDITION', help: 'wait until a port, an address or a counter is as given' },
  { path: 'expect', syntax: 'FILTER', help: 'wait for a frame that the filter accepts' },
];

/** Parses a line. Throws ExitError for invalid options or arguments of a view, and for the words of PROGRAMS. */
export function parseTyped(line: string): Typed {
  const [first = '', ...rest] = line.trim().split(/[ \t]+/);
  const view = views.find(({ name }) => name === first);
  if (view) return parseView(view, rest);
  if (PROGRAMS.some(({ path }) => path === first))
    refuse(`${first} is not a command of the console: run \`tsvdectl ${first}\` in a shell`);
  if (first.startsWith('?')) return { kind: 'help', argument: [first.slice(1), ...rest].join(' ').trim() };
  const alias = rest.length === 0 && Object.hasOwn(ALIASES, first) ? ALIASES[first] : undefined;
  return { kind: 'command', line: alias ?? line };
}

/** Parses a time in seconds. The maximum, 1000000, still fits in a timer. Returns undefined for any other text. */
export function parseSeconds(text: string): number | undefined {
  const number = Number(text);
  return /^\d+(\.\d+)?$/.test(text) && number > 0 && number <= 1_000_000 ? number : undefined;
}

/** Returns the word, a view's or a program's, that the user may have meant by an unknown command. */
export function nearestWord(line: string): string | undefined {
  const [word = ''] = line.trim().split(/[ \t]+/);
  return nearestName(word, [...views.map(({ name }) => name), ...PROGRAMS.map(({ path }) => path)]);
}

function parseView(view: View, words: readonly string[]): Typed {
  const typed = { kind: 'view' as const, view, argument: '', json: false, watch: undefined as number | undefined };
  const given: string[] = [];
  for (const word of words) {
    const [option, value] = word.split('=');
    if (word === '--json') typed.json = true;
    else if (option === '--watch') typed.watch = value === undefined ? WATCH_SECONDS : watchSeconds(value);
    else if (word.startsWith('-'))
      refuse(`${view.name} has no option '${word}': it takes --json and --watch[=SECONDS]`);
    else given.push(word);
  }
  typed.argument = given.join(' ');
  if (view.syntax === '' && typed.argument !== '') refuse(`${view.name} takes no argument: '${typed.argument}'`);
  return typed;
}

/** Parses an interval. Throws ExitError for an invalid one. */
export function watchSeconds(text: string): number {
  return parseSeconds(text) ?? refuse(`'${text}' is not an interval: give seconds, for example --watch=2`);
}

function refuse(sentence: string): never {
  throw new ExitError(constants.errno.EINVAL, `${sentence} (EINVAL)`);
}
