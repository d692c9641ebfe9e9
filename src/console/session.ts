// One session: bytes in, lines, replies out, each with its prompt in one write. It reads on only when its last reply has
// been taken, so that one who never reads costs one reply of memory.
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { SwitchError } from '../protocol/errors.ts';
import type { ConsoleContext, Invoker } from './command.ts';
import { execute, executeSilently, runFile } from './execute.ts';
import { PROMPT, result, textOf } from './reply.ts';
import type { Subscriber } from './subscriptions.ts';

const LINE_MAX = 4096;
/**
 * vdeterm sends its commands without a newline, while others may send one command in two segments. What comes without a
 * newline waits this long for the rest of its line; then it is a command. Longer than any two segments of one program,
 * shorter than a person notices.
 */
const LINE_END_MS = 40;

const lineTooLong = new SwitchError('EINVAL', `a line has more than ${LINE_MAX} bytes`);

export interface SessionOptions {
  kind: 'session' | 'terminal';
  input: Readable;
  output: Writable;
}

/** Resolves when a command has ended it, or when the input has ended and all that was in it is answered. */
export async function runSession(context: ConsoleContext, { kind, input, output }: SessionOptions): Promise<void> {
  let afterwards: (() => void) | undefined;
  const subscriber: Subscriber = {
    categories: new Set(),
    tell(line) {
      if (!output.writableNeedDrain && !output.destroyed) output.write(line);
    },
  };
  const invoker: Invoker = {
    kind,
    subscriber,
    end(then = () => {}) {
      afterwards = then;
    },
    say: (text) => write(output, text),
    execute: (line) => executeSilently(line, context, invoker),
    runFile: (path, say = invoker.say) => runFile(path, context, { subscriber, say }),
  };
  context.subscriptions.join(subscriber);
  try {
    for await (const line of linesOf(input)) {
      const reply = line === undefined ? result(lineTooLong) : await execute(line, context, invoker);
      await write(output, textOf(reply) + (afterwards ? '' : PROMPT));
      if (afterwards) return afterwards();
    }
  } finally {
    context.subscriptions.leave(subscriber);
  }
}

/**
 * Runs the console of a switch in the foreground: commands on stdin, replies on stdout, until stdin ends or the switch does.
 * Nothing precedes the first reply, since programs read the first line as the answer to theirs; only a person at a terminal
 * is shown a prompt at once.
 */
export async function runOnStandardStreams(context: ConsoleContext, input: Readable, output: Writable): Promise<void> {
  output.on('error', () => {}); // a reader that went away wants no replies
  if ('isTTY' in output && output.isTTY) output.write(PROMPT);
  await runSession(context, { kind: 'terminal', input, output });
}

/** Lines without their newline; undefined for one that is too long. */
async function* linesOf(input: Readable): AsyncIterable<string | undefined> {
  let rest = Buffer.alloc(0);
  let skipping = false; // to the end of a line that is too long
  // The end of the input is not yet the end of the stream: what is left of it may be a command to be answered.
  const chunks = input.iterator({ destroyOnReturn: false });
  let next = read(chunks);
  for (;;) {
    const chunk = rest.length === 0 ? await next : await within(next, LINE_END_MS);
    if (chunk === 'late') {
      if (!skipping) yield rest.toString();
      rest = Buffer.alloc(0);
      skipping = false;
      continue;
    }
    if (chunk.done) break;
    next = read(chunks);
    rest = Buffer.concat([rest, chunk.value as Buffer]);
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      if (!skipping) yield at > LINE_MAX ? undefined : rest.toString('utf8', 0, at);
      skipping = false;
      rest = rest.subarray(at + 1);
    }
    if (rest.length > LINE_MAX) {
      if (!skipping) yield undefined;
      skipping = true;
      rest = rest.subarray(-1); // what is left of it still waits for its end
    }
  }
  if (rest.length > 0 && !skipping) yield rest.toString();
}

/** One chunk ahead of the lines in work. One who is gone with replies unread has said what was said, as at an end. */
function read(chunks: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
  return chunks.next().catch(() => ({ done: true, value: undefined }));
}

async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, milliseconds, 'late');
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when more may be written, or when nobody is there to read it. */
async function write(output: Writable, text: string): Promise<void> {
  if (text === '' || output.destroyed || output.write(text)) return;
  const over = new AbortController(); // whichever comes, the other is no longer listened for
  const { signal } = over;
  await Promise.race([once(output, 'drain', { signal }), once(output, 'close', { signal })]).catch(() => {});
  over.abort();
}
