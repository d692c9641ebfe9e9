// A console session: reads lines, and writes each reply with the prompt in one write. A line is executed only after the
// previous reply was accepted, so that a client that never reads costs the memory of one reply.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { SwitchError } from '../protocol/errors.ts';
import { descriptorOf, native } from '../system/native.ts';
import { TerminalInput } from '../system/terminal-input.ts';
import type { ConsoleContext, Invoker } from './command.ts';
import { execute, executeSilently, runFile } from './execute.ts';
import type { Level } from './level.ts';
import { PROMPT, result, textOf } from './reply.ts';
import type { Subscriber } from './subscriptions.ts';

const LINE_MAX = 4096;
/**
 * How long text without a newline waits for the rest of its line before it is executed, in milliseconds. vdeterm sends
 * no newline, while other programs may send one command in two segments. The time is longer than the gap between such
 * segments, and too short for a person to notice.
 */
const LINE_END_MS = 40;

const lineTooLong = new SwitchError('EINVAL', `the line has more than ${LINE_MAX} bytes`);

export interface SessionOptions {
  kind: 'session' | 'terminal';
  level: Level;
  input: Readable;
  output: Writable;
  /** The connection that is both input and output. If it is given, commands can take it over. */
  connection?: Socket;
}

/**
 * Resolves when a command has ended the session, or when the input has ended and every command in it has been answered.
 */
export async function runSession(context: ConsoleContext, given: SessionOptions): Promise<void> {
  const { kind, level, input, output, connection } = given;
  let afterwards: (() => void | Promise<void>) | undefined;
  let explained = false;
  const subscriber: Subscriber = {
    categories: new Set(),
    tell(line) {
      if (!output.writableNeedDrain && !output.destroyed) output.write(line);
    },
  };
  const takeOver = (run: () => Promise<void>) => {
    context.subscriptions.leave(subscriber); // no debug line may follow the reply
    afterwards = run;
  };
  const invoker: Invoker = {
    kind,
    level,
    subscriber,
    get explained() {
      return explained;
    },
    get unread() {
      return output.destroyed;
    },
    explain(wanted) {
      explained = wanted;
    },
    end(then = () => {}) {
      afterwards = then;
    },
    giveAway: connection && ((take) => takeOver(() => giveAway(connection, take))),
    takeOver: connection && ((run) => takeOver(() => run(connection))),
    say: (text) => write(output, text),
    execute: (line) => executeSilently(line, context, invoker),
    runFile: (path, say = invoker.say) => runFile(path, context, { level, subscriber, say, explained }),
  };
  context.subscriptions.join(subscriber);
  try {
    for await (const line of linesOf(input)) {
      const reply = line === undefined ? result(lineTooLong) : await execute(line, context, invoker);
      await write(output, textOf(reply, explained) + (afterwards ? '' : PROMPT));
      if (afterwards) return afterwards();
    }
  } finally {
    context.subscriptions.leave(subscriber);
  }
}

/**
 * Runs the console of a switch in the foreground: commands on stdin, replies on stdout, until stdin or the switch ends.
 * Nothing is written before the first reply, since programs read the first line as the answer to their first command. A
 * terminal does get a prompt at once, and again whenever this process returns to the foreground.
 */
export async function runOnStandardStreams(context: ConsoleContext, input: Readable, output: Writable): Promise<void> {
  output.on('error', () => {}); // without a reader, replies are discarded
  const prompts = 'isTTY' in output && output.isTTY;
  if (prompts && input instanceof TerminalInput) input.on('foreground', () => output.write(PROMPT));
  else if (prompts) output.write(PROMPT);
  await runSession(context, { kind: 'terminal', level: 'full', input, output });
}

/**
 * Waits until the kernel has taken everything that was written, and passes a duplicate of the connection's descriptor
 * to `take`. Does not call `take` if the connection has ended.
 */
async function giveAway(connection: Socket, take: (fd: number) => void): Promise<void> {
  await new Promise<void>((resolve) => connection.write('', () => resolve()));
  const fd = descriptorOf(connection);
  if (fd >= 0 && !connection.destroyed) take(native.duplicate(fd));
  connection.destroy(); // closes only Node's descriptor: the duplicate keeps the connection open
}

/** Yields lines without their newline, and undefined for each line that is too long. */
async function* linesOf(input: Readable): AsyncIterable<string | undefined> {
  let rest = Buffer.alloc(0);
  let skipping = false; // the rest of a line that is too long
  // The stream is not destroyed at the end of the input: the last command's reply may still have to be written to it.
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
      rest = rest.subarray(-1); // not empty, so that the timeout can end the skipped line too
    }
  }
  if (rest.length > 0 && !skipping) yield rest.toString();
}

/**
 * Reads the next chunk. A read error counts as the end of the input: the client disconnected without reading all
 * replies.
 */
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

/** Resolves when the stream accepts more, or when it is closed. */
async function write(output: Writable, text: string): Promise<void> {
  if (text === '' || output.destroyed || output.write(text)) return;
  const listening = new AbortController(); // removes the listener of the event that did not happen
  const { signal } = listening;
  await Promise.race([once(output, 'drain', { signal }), once(output, 'close', { signal })]).catch(() => {});
  listening.abort();
}
