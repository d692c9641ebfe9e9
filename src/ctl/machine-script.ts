// unixcmd's scripts, such as Debian's /etc/vde2/vdecmd: numbered states of a machine that talks to a socket, read into objects.
// What the original passes over in silence, or falls over, is an error that names the line.
import { ExitError } from '../system/exit-error.ts';

export type Action =
  /** Read until what was read ends so; go to a state when nothing more comes. */
  | { kind: 'in'; text: string; state: number }
  | { kind: 'send'; text: string }
  /** Go to a state when what was read begins so. */
  | { kind: 'if'; text: string; state: number }
  | { kind: 'goto'; state: number }
  /** Forget what was read. */
  | { kind: 'throw' }
  /** Forget its first characters. */
  | { kind: 'skip'; count: number }
  /** Show what was read. */
  | { kind: 'copy' }
  /** Keep the number that it begins with. */
  | { kind: 'number'; base: number }
  | { kind: 'exit'; code: number }
  /** With that number. */
  | { kind: 'exit-number' }
  /** With the number that what was read begins with. */
  | { kind: 'exit-read' }
  /** What is shown from here on is for libvdemgmt: unixcmd shows the first piece alone. */
  | { kind: 'hide' }
  /** A mark on that piece. */
  | { kind: 'mark' };

export interface State {
  number: number;
  action: Action;
}

export interface MachineScript {
  /** How long to wait for a character. */
  timeoutMilliseconds: number;
  /** In the order of their numbers. */
  states: State[];
}

/** Before anything else the backslash goes. */
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', f: '\f' };
const TIMEOUT_MILLISECONDS = 10_000;
const FAILURE = 255;

/** Throws ExitError. */
export function parseMachineScript(text: string, name: string): MachineScript {
  let timeoutMilliseconds = TIMEOUT_MILLISECONDS;
  const states: State[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const refuse = (why: string): never => {
      throw new ExitError(FAILURE, `${name}:${i + 1}: ${why}`);
    };
    const words = [...line.trim().matchAll(/'((?:\\.|[^'\\])*)'?|\S+/g)].map(([word, quoted]) =>
      quoted === undefined ? { word } : { text: unquote(quoted) },
    );
    const [first, ...rest] = words;
    if (!first || first.word?.startsWith('#')) continue;
    const number = (word: Word | undefined, standard?: number) =>
      word === undefined && standard !== undefined
        ? standard
        : word?.word !== undefined && /^-?\d+$/.test(word.word)
          ? Number(word.word)
          : refuse('a number is missing');
    if (first.word === 'TIMEOUT') timeoutMilliseconds = number(rest[0]);
    else states.push({ number: number(first), action: parseAction(rest, number, refuse) });
  }
  if (states.length === 0) throw new ExitError(FAILURE, `${name}: there is no state in it`);
  return { timeoutMilliseconds, states: states.sort((a, b) => a.number - b.number) };
}

type Word = { word?: string; text?: string };

function parseAction(
  [keyword, first, second]: readonly Word[],
  number: (word: Word | undefined, standard?: number) => number,
  refuse: (why: string) => never,
): Action {
  const text = () => first?.text ?? refuse("a text in '…' is missing");
  switch (keyword?.word) {
    case 'IN':
      return { kind: 'in', text: text(), state: number(second) };
    case 'SEND':
      return { kind: 'send', text: text() };
    case 'IF':
      return { kind: 'if', text: text(), state: number(second) };
    case 'GOTO':
      return { kind: 'goto', state: number(first) };
    case 'THROW':
      return { kind: 'throw' };
    case 'SKIP':
      return { kind: 'skip', count: number(first) };
    case 'COPY':
      return { kind: 'copy' };
    case 'RVATOI':
      return { kind: 'number', base: number(first, 10) };
    case 'EXIT':
      return { kind: 'exit', code: number(first, 0) };
    case 'EXITRV':
      return { kind: 'exit-number' };
    // Debian's vdecmd ends with it, and its unixcmd does not know it.
    case 'EXITATOI':
      return { kind: 'exit-read' };
    case 'OUTSHIFT':
      return { kind: 'hide' };
    case 'OUTTAG':
      return { kind: 'mark' };
    default:
      return refuse(`'${keyword?.word ?? ''}' is no action that is known here`);
  }
}

function unquote(text: string): string {
  return text.replace(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char);
}
