// Compiles filters in tcpdump's language, with libpcap. Since libpcap's compiler can take unlimited time and memory, it
// runs in a short-lived program of ours that limits both. The engine checks the compiled filter before running it.
import { SwitchError } from '../protocol/errors.ts';
import { describeError } from '../system/errno.ts';
import { cannotStart, startHelper } from '../system/helper-process.ts';
import { helperProgram, native } from '../system/native.ts';

/** How long the program may run, in milliseconds. The program itself limits its CPU time to less than this. */
const TIME_MS = 5000;
const FILTER_MAX = 65_536;
const WORDS_PER_INSTRUCTION = 4;

/**
 * Returns the instructions of a filter in the format of NativeCapture.filter. Throws SwitchError EINVAL if the filter
 * is invalid, too long or too costly to compile, ENOENT if libpcap is not installed, and EIO if the program cannot be
 * run.
 */
export async function compileFilter(filter: string): Promise<Uint32Array> {
  if (Buffer.byteLength(filter) > FILTER_MAX)
    throw new SwitchError('EINVAL', `a filter has at most ${FILTER_MAX} bytes`);
  const answer = await runCompiler(filter);
  const [, word, rest] = /^(program|refused|missing) (.*)$/m.exec(answer) ?? [];
  if (word === 'program') {
    const program = readProgram(answer);
    if (native.isValidFilter(program)) return program;
    throw new SwitchError(
      'EINVAL',
      'the filter is refused: its program is too long, or has a loop, as with protochain',
    );
  }
  if (word === 'missing') throw new SwitchError('ENOENT', rest!);
  if (word === 'refused') throw new SwitchError('EINVAL', `the filter is refused: ${rest}`);
  throw new SwitchError('EINVAL', 'the filter is refused: compiling it takes too much time or memory');
}

function readProgram(answer: string): Uint32Array {
  const words = answer.split('\n').slice(1).join(' ').trim().split(' ').map(Number);
  if (words.length % WORDS_PER_INSTRUCTION === 0) return Uint32Array.from(words);
  throw new SwitchError('EIO', 'the compiled filter is incomplete');
}

/** Returns the output of the program, regardless of how it ended. */
function runCompiler(filter: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const program = helperProgram('tsvde-filter');
    const child = startHelper(program, [], {
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: TIME_MS,
      killSignal: 'SIGKILL',
    });
    let answer = '';
    child.once('error', (error) => {
      if (child.pid === undefined) reject(cannotStart(program, describeError(error)));
    });
    child.stdout!.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    child.once('close', () => resolve(answer));
    child.stdin!.on('error', () => {}); // 'close' follows
    child.stdin!.end(filter);
  });
}
