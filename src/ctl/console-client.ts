// A client of a console: one command after the other, each with its reply. Who serves it may be slow, may go away, and may be
// no console at all: each is one sentence, an ExitError that says so.
import { lstatSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { type ConsoleReply, ReplyReader } from './reply-reader.ts';

/** No reply was had: no errno is so high. */
export const NO_REPLY = 255;
export const TIMEOUT_SECONDS = 10;

/** vde_switch takes what it reads at once as a command, and no more than this of it. */
const LENGTH_MAX_OF_OLD = 127;

export interface ClientOptions {
  /** How long the console may be silent while something is waited for. */
  timeoutSeconds?: number;
  /** Is told of debug lines, as they come. */
  onDebug?: (line: string) => void;
}

export class ConsoleClient {
  readonly path: string;
  /** Resolves when nothing more comes: with the reason, or with nothing where the session was ended by a command. */
  readonly ended: Promise<ExitError | undefined>;
  #greeting = '';
  readonly #socket: Socket;
  readonly #timeoutSeconds: number;
  readonly #reader = new ReplyReader();
  #end!: (why: ExitError | undefined) => void;
  #waiting: { resolve(reply: ConsoleReply | undefined): void; reject(why: ExitError): void } | undefined;
  /** The last command's turn: the next one waits for it. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string, socket: Socket, { timeoutSeconds = TIMEOUT_SECONDS, onDebug }: ClientOptions) {
    this.path = path;
    this.#socket = socket;
    this.#timeoutSeconds = timeoutSeconds;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#read(String(text), onDebug));
    socket.on('error', (error) => this.#fail(`${describeError(error)} on '${path}'`));
    socket.on('close', () => this.#close());
    socket.on('timeout', () => this.#fail(`'${path}' has said nothing for ${timeoutSeconds} seconds`));
  }

  /** Past the greeting. Throws ExitError. */
  static async connect(path: string, options: ClientOptions = {}): Promise<ConsoleClient> {
    const client = new ConsoleClient(path, await connectTo(path), options);
    await client.#wait().catch((error: ExitError) => {
      throw new ExitError(NO_REPLY, `${error.message}: is it the management socket of a switch (--mgmt)?`);
    });
    return client;
  }

  /** What was said before the first prompt. */
  get greeting(): string {
    return this.#greeting;
  }

  /** vde_switch and others that say nothing of tsvde are taken for what they were when it was new. */
  get isOurs(): boolean {
    return this.#greeting.includes('tsvde');
  }

  /** Throws ExitError when no reply comes. */
  ask(line: string): Promise<ConsoleReply> {
    const reply = this.#turn.then(() => this.#ask(line));
    this.#turn = reply.catch(() => {});
    return reply;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(line: string): Promise<ConsoleReply> {
    if (line.includes('\n')) throw new ExitError(NO_REPLY, 'a command is one line');
    const length = Buffer.byteLength(line);
    if (!this.isOurs && length > LENGTH_MAX_OF_OLD)
      throw new ExitError(NO_REPLY, `a command of ${length} bytes: this console takes ${LENGTH_MAX_OF_OLD}`);
    if (!this.#socket.writable) throw new ExitError(NO_REPLY, `the console on '${this.path}' has ended`);
    this.#socket.write(`${line}\n`);
    return (await this.#wait())!;
  }

  #wait(): Promise<ConsoleReply | undefined> {
    this.#socket.setTimeout(this.#timeoutSeconds * 1000);
    return new Promise<ConsoleReply | undefined>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #read(text: string, onDebug: ClientOptions['onDebug']): void {
    try {
      for (const event of this.#reader.read(text)) {
        if (event.type === 'debug') onDebug?.(event.line);
        else if (event.type === 'reply') this.#answer(event.reply);
        else {
          this.#greeting = event.text;
          this.#answer(undefined);
        }
      }
    } catch (error) {
      this.#fail(`'${this.path}' is no console: ${(error as Error).message}`);
    }
  }

  #answer(reply: ConsoleReply | undefined): void {
    this.#socket.setTimeout(0);
    this.#waiting?.resolve(reply);
    this.#waiting = undefined;
  }

  #fail(sentence: string): void {
    const why = new ExitError(NO_REPLY, sentence);
    this.#waiting?.reject(why);
    this.#waiting = undefined;
    this.#end(why);
    this.#socket.destroy();
  }

  #close(): void {
    for (const event of this.#reader.end()) {
      if (event.type === 'reply') this.#answer(event.reply);
      this.#end(undefined);
    }
    this.#fail(`'${this.path}' has closed the connection`);
  }
}

/** Throws ExitError with a sentence. */
export function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error) => reject(new ExitError(NO_REPLY, whyNot(path, error))));
  });
}

/** The kernel says "Connection refused" of whatever is no socket. */
function whyNot(path: string, error: Error): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const why =
    found && !found.isSocket() && !found.isSymbolicLink() ? 'it is not a socket' : describeError(error).toLowerCase();
  const hint = found?.isDirectory() ? '; the management socket is what --mgmt names' : '';
  return `cannot connect to '${path}': ${why}${hint}`;
}
