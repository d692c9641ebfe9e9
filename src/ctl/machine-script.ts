// Parses unixcmd's scripts, such as Debian's /etc/vde2/vdecmd, which define the numbered states of a machine that talks
// to a socket. Invalid lines, which unixcmd ignores or crashes on, are errors that name the line.
import { ExitError } from '../system/exit-error.ts';

export type Action =
  /** Read until the text read ends with `text`; on a timeout, go to `state`. */
  | { kind: 'in'; text: string; state: number }
  | { kind: 'send'; text: string }
  /** Go to `state` if the text read begins with `text`. */
  | { kind: 'if'; text: string; state: number }
  | { kind: 'goto'; state: number }
  /** Discard the whole text read. */
  | { kind: 'throw' }
  /** Discard the first `count` characters of the text read. */
  | { kind: 'skip'; count: number }
  /** Show the text read. */
  | { kind: 'copy' }
  /** Store the number at the beginning of the text read. */
  | { kind: 'number'; base: number }
  | { kind: 'exit'; code: number }
  /** Exit with the stored number. */
  | { kind: 'exit-number' }
  /** Exit with the number at the beginning of the text read. */
  | { kind: 'exit-read' }
  /** Stop showing output; what follows is only for libvdemgmt. */
  | { kind: 'hide' }
  /** Mark output for libvdemgmt; has no effect here. */
  | { kind: 'mark' };

export interface State {
  number: number;
  action: Action;
}

export interface MachineScript {
  /** How long IN waits for each character, in milliseconds. */
  timeoutMilliseconds: number;
  /** The states in the order of their numbers. */
  states: State[];
}

/** The escapes that have a meaning. A backslash before any other character is removed. */
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', f: '\f' };
const TIMEOUT_MILLISECONDS = 10_000;
const FAILURE = 255;

/** Parses a script. Throws ExitError, with `name` and the line, if the script is invalid. */
export function parseMachineScript(text: string, name: string): MachineScript {
  let timeoutMilliseconds = TIMEOUT_MILLISECONDS;
  const states: State[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const refuse = (reason: string): never => {
      throw new ExitError(FAILURE, `${name}:${i + 1}: ${reason}`);
    };
    const words = [...line.trim().matchAll(/'((?:\\.|[^'\\])*)'?|\S+/g)].map(([word, quoted]) =>
      quoted === undefined ? { word } : { text: unquote(quoted) },
    );
    const [first, ...rest] = words;
    if (!first || first.word?.startsWith('#')) continue;
    const number = (word: Word | undefined, fallback?: number) =>
      word === undefined && fallback !== undefined
        ? fallback
        : word?.word !== undefined && /^-?\d+$/.test(word.word)
          ? Number(word.word)
          : refuse('a number is missing');
    if (first.word === 'TIMEOUT') timeoutMilliseconds = number(rest[0]);
    else states.push({ number: number(first), action: parseAction(rest, number, refuse) });
  }
  if (states.length === 0) throw new ExitError(FAILURE, `${name}: the script has no states`);
  return { timeoutMilliseconds, states: states.sort((a, b) => a.number - b.number) };
}

type Word = { word?: string; text?: string };

function parseAction(
  [keyword, first, second]: readonly Word[],
  number: (word: Word | undefined, fallback?: number) => number,
  refuse: (reason: string) => never,
): Action {
  const text = () => first?.text ?? refuse("a quoted text ('…') is missing");
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
    // Debian's vdecmd script ends with EXITATOI, which Debian's own unixcmd does not know.
    case 'EXITATOI':
      return { kind: 'exit-read' };
    case 'OUTSHIFT':
      return { kind: 'hide' };
    case 'OUTTAG':
      return { kind: 'mark' };
    default:
      return refuse(`'${keyword?.word ?? ''}' is not a known action`);
  }
}

function unquote(text: string): string {
  return text.replace(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char);
}
