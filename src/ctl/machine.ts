// Runs a unixcmd script on a socket. The machine's only data are its current state, the text read, one number, and
// whether it shows output.
import type { Socket } from 'node:net';
import { ExitError } from '../system/exit-error.ts';
import type { Action, MachineScript, State } from './machine-script.ts';

export interface MachineOptions {
  /** A connected socket. */
  socket: Socket;
  /** The words of the command, which replace `$*`, `$1` and so on. */
  words: readonly string[];
  show(bytes: Buffer): void;
  /** Called with each state before its action. */
  trace?: (line: string) => void;
}

const FAILURE = 255;
/** The most steps without an IN. Beyond this number, the script is taken to loop for ever, and is ended. */
const IDLE_STEPS_MAX = 10_000;

/** Runs the script and returns its exit code. Throws ExitError if the script cannot continue. */
export async function runMachine(
  { timeoutMilliseconds, states }: MachineScript,
  options: MachineOptions,
): Promise<number> {
  const { socket, words, show, trace } = options;
  const input = readCharacters(socket, timeoutMilliseconds);
  let read = '';
  let number = -1;
  let showing = true;
  let idleSteps = 0;
  let at = 0;
  try {
    for (;;) {
      const state = states[at] ?? fail(states.at(-1)!, 'is the last, and is not an EXIT');
      const { action } = state;
      trace?.(`state ${state.number} ${action.kind}, read: ${JSON.stringify(read)}`);
      if (++idleSteps > IDLE_STEPS_MAX) fail(state, 'loops for ever');
      at++;
      switch (action.kind) {
        case 'in': {
          idleSteps = 0;
          let char: string | undefined;
          do {
            char = await input.next();
            read += char ?? '';
          } while (char !== undefined && !read.endsWith(action.text));
          if (char === undefined) at = indexOf(states, state, action.state);
          break;
        }
        case 'send':
          socket.write(expand(action.text, words), 'latin1');
          break;
        case 'if':
          if (read.startsWith(action.text)) at = indexOf(states, state, action.state);
          break;
        case 'goto':
          at = indexOf(states, state, action.state);
          break;
        case 'throw':
          read = '';
          break;
        case 'skip':
          read = read.slice(action.count);
          break;
        case 'copy':
          if (showing) show(Buffer.from(read, 'latin1'));
          break;
        case 'number':
          if (read !== '') number = leadingNumber(read, action.base);
          break;
        case 'hide':
          showing = false;
          break;
        case 'mark':
          break;
        default:
          return exitCode(action, number, read);
      }
    }
  } finally {
    input.stop();
  }
}

function exitCode(action: Action, number: number, read: string): number {
  const code = action.kind === 'exit' ? action.code : action.kind === 'exit-number' ? number : leadingNumber(read, 10);
  return code & 0xff;
}

function indexOf(states: readonly State[], from: State, number: number): number {
  const index = states.findIndex((state) => state.number === number);
  return index >= 0 ? index : fail(from, `goes to ${number}, which does not exist`);
}

function fail({ number }: State, reason: string): never {
  throw new ExitError(FAILURE, `state ${number} of the script ${reason}`);
}

function leadingNumber(text: string, base: number): number {
  const number = Number.parseInt(text, base);
  return Number.isNaN(number) ? 0 : number;
}

/**
 * Replaces, as unixcmd does, `$*` and `$0` by all words, `$N` by the word at index N, and `$` with any other character
 * by the first word.
 */
function expand(text: string, commandWords: readonly string[]): string {
  const words = commandWords.map((word) => Buffer.from(word).toString('latin1'));
  return text.replace(/\$(\*|\d+|.)/g, (_, selector: string) => {
    if (selector === '*' || selector === '0') return words.join(' ');
    return words[/^\d/.test(selector) ? Number(selector) : 0] ?? '';
  });
}

/** Returns a reader of single characters, which returns undefined on a timeout and after the end of the stream. */
function readCharacters(socket: Socket, timeoutMilliseconds: number) {
  let waiting = '';
  let ended = false;
  let wake: () => void = () => {};
  socket.setEncoding('latin1'); // one character for each byte
  socket.on('error', () => {}); // 'close' follows
  socket.on('data', (text) => {
    waiting += text;
    wake();
  });
  socket.on('close', () => {
    ended = true;
    wake();
  });
  return {
    async next(): Promise<string | undefined> {
      if (waiting === '' && !ended) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, timeoutMilliseconds);
        });
        clearTimeout(timer);
      }
      const char = waiting[0];
      waiting = waiting.slice(1);
      return char;
    },
    stop: () => socket.destroy(),
  };
}
