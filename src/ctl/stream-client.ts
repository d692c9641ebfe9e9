// The client side of a session that becomes a stream: a command after which the console reads no more commands.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { ExitError } from '../system/exit-error.ts';
import { connectTo, NO_REPLY } from './console-client.ts';
import { END_OF_SESSION, PROMPT } from './reply-reader.ts';

const REPLY_MAX = 65_536;

/**
 * Sends a command that turns the session into a stream. Returns the connection, from which only the stream is read.
 * Throws ExitError if the command is refused, with the errno as its code, or if the console at `path` does not answer
 * or is not tsvde's. `word` is tsvdectl's word for the command, for errors.
 */
export async function openStream(path: string, command: string, word: string, timeoutSeconds: number): Promise<Socket> {
  const socket = await connectTo(path);
  socket.on('error', () => {}); // readers of the socket get the error
  socket.setTimeout(timeoutSeconds * 1000, () => {
    socket.destroy(new ExitError(NO_REPLY, `'${path}' has said nothing for ${timeoutSeconds} seconds`));
  });
  try {
    const greeting = await readUntil(socket, (text) => PROMPT.test(text));
    if (!greeting.toString('latin1').includes('tsvde'))
      throw new ExitError(NO_REPLY, `${word} needs the console of tsvde, which '${path}' is not`);
    socket.write(`json ${command}\n`);
    const reply = await readUntil(socket, (text) => text.includes(END_OF_SESSION) || PROMPT.test(text));
    const end = reply.indexOf(END_OF_SESSION);
    if (end < 0) throw refusal(reply.toString(), word);
    socket.setTimeout(0);
    socket.unshift(reply.subarray(end + END_OF_SESSION.length));
    return socket;
  } catch (error) {
    socket.destroy();
    if (error instanceof ExitError) throw error;
    throw new ExitError(NO_REPLY, `'${path}' is not a console: ${(error as Error).message}`);
  }
}

/** Reads until `isComplete` accepts the bytes read so far, and returns them. */
async function readUntil(socket: Socket, isComplete: (text: string) => boolean): Promise<Buffer> {
  let all = Buffer.alloc(0);
  while (!isComplete(all.toString('latin1'))) {
    if (all.length > REPLY_MAX) throw new Error(`no prompt in ${REPLY_MAX} bytes`);
    const piece = socket.read() as Buffer | null;
    if (piece) all = Buffer.concat([all, piece]);
    else await readable(socket);
  }
  return all;
}

async function readable(socket: Socket): Promise<void> {
  const listening = new AbortController();
  const { signal } = listening;
  const ended = once(socket, 'end', { signal }).then(() => {
    throw new Error('it has closed the connection');
  });
  try {
    await Promise.race([once(socket, 'readable', { signal }), ended]);
  } finally {
    listening.abort();
    ended.catch(() => {});
  }
}

function refusal(reply: string, word: string): ExitError {
  const line = reply.split('\n').find((line) => line.startsWith('{'));
  const code = /^1(\d{3}) (.*)$/m.exec(reply);
  const { message = code?.[2] ?? 'failed' } = JSON.parse(line ?? '{}') as { message?: string };
  return new ExitError(Number(code?.[1] ?? NO_REPLY), `${word}: ${message}`);
}
