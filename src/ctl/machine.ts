// Runs a script of unixcmd's on a socket.
import type { Socket } from 'node:net';
import { ExitError } from '../system/exit-error.ts';
import type { Action, MachineScript, State } from './machine-script.ts';

export interface MachineOptions {
  /** Connected. */
  socket: Socket;
  /** The command's words, for `$*` and `$1`. */
  words: readonly string[];
  show(bytes: Buffer): void;
  /** Is told of each state before it acts. */
  trace?: (line: string) => void;
}

const FAILURE = 255;
/** A script that goes round without reading or writing would do so for ever. */
const IDLE_STEPS_MAX = 10_000;

/** Its exit code. Throws ExitError where a script has no way on. */
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
      const state = states[at] ?? lost(states.at(-1)!, 'is the last, and no EXIT');
      const { action } = state;
      trace?.(`state ${state.number} ${action.kind}, read: ${JSON.stringify(read)}`);
      if (++idleSteps > IDLE_STEPS_MAX) lost(state, 'goes round for ever');
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
  return index >= 0 ? index : lost(from, `goes to ${number}, which is not there`);
}

function lost({ number }: State, why: string): never {
  throw new ExitError(FAILURE, `state ${number} of the script ${why}`);
}

function leadingNumber(text: string, base: number): number {
  const number = Number.parseInt(text, base);
  return Number.isNaN(number) ? 0 : number;
}

/** `$*` and `$0` are all words, `$1` is the second, and `$` before anything else the first: so unixcmd counts. */
function expand(text: string, commandWords: readonly string[]): string {
  const words = commandWords.map((word) => Buffer.from(word).toString('latin1'));
  return text.replace(/\$(\*|\d+|.)/g, (_, which: string) => {
    if (which === '*' || which === '0') return words.join(' ');
    return words[/^\d/.test(which) ? Number(which) : 0] ?? '';
  });
}

/** One at a time; undefined when none comes in time, or ever again. */
function readCharacters(socket: Socket, timeoutMilliseconds: number) {
  let waiting = '';
  let ended = false;
  let wake: () => void = () => {};
  socket.setEncoding('latin1'); // a character a byte, whatever it is
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
