// A client of a console: sends commands one after another and returns each reply. If the peer is slow, disconnects or
// is not a console, the sentence of an ExitError says which.
import { lstatSync, realpathSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename } from 'node:path';
import type { Duplex } from 'node:stream';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { findConsoles } from './find-console.ts';
import { type ConsoleReply, ReplyReader } from './reply-reader.ts';

/** The exit code of tsvdectl if there was no reply, or for wrong arguments. It is higher than any errno. */
export const NO_REPLY = 255;
export const TIMEOUT_SECONDS = 10;

/** How long to wait for a greeting if the socket has a control socket's name. A console greets at once. */
const CONTROL_SOCKET_SECONDS = 0.5;

/** The longest command, in bytes. vde_switch reads a command with one read() of at most this size. */
const VDE_SWITCH_LINE_MAX = 127;

export interface ClientOptions {
  /** How long the console may be silent while a reply is expected, in seconds. */
  timeoutSeconds?: number;
  /** Called with each debug line when it arrives. */
  onDebug?: (line: string) => void;
}

/** A connection to a console. Only a socket can report that it is silent. */
type Connection = Duplex & Partial<Pick<Socket, 'setTimeout'>>;

export class ConsoleClient {
  readonly path: string;
  /** Resolves when the connection has ended, with the reason, or with undefined if a command ended the session. */
  readonly ended: Promise<ExitError | undefined>;
  #greeting = '';
  readonly #socket: Connection;
  readonly #timeoutSeconds: number;
  readonly #reader = new ReplyReader();
  #end!: (reason: ExitError | undefined) => void;
  /** The number of replies still to arrive that are discarded. */
  #discarded = 0;
  #waiting: { resolve(reply: ConsoleReply | undefined): void; reject(reason: ExitError): void } | undefined;
  /** Resolves after the last command's reply; the next command waits for it. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string, socket: Connection, { timeoutSeconds = TIMEOUT_SECONDS, onDebug }: ClientOptions) {
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

  /** Connects and reads the greeting. Throws ExitError. */
  static async connect(path: string, options: ClientOptions = {}): Promise<ConsoleClient> {
    const client = new ConsoleClient(path, await connectTo(path), options);
    const control = isControlSocket(path);
    const seconds = client.#timeoutSeconds;
    await client.#wait(control ? Math.min(seconds, CONTROL_SOCKET_SECONDS) : seconds).catch((error: ExitError) => {
      throw new ExitError(
        NO_REPLY,
        control
          ? `'${path}' is the control socket of a switch, where clients join: name its management socket (--mgmt)`
          : `${error.message}: is it the management socket of a switch (--mgmt)?`,
      );
    });
    return client;
  }

  /** Reads the greeting of a console in this process. It may be silent for any time. Throws ExitError. */
  static async within(connection: Duplex, options: ClientOptions = {}): Promise<ConsoleClient> {
    const client = new ConsoleClient('standard input', connection, options);
    await client.#wait();
    return client;
  }

  /** The text that precedes the first prompt. */
  get greeting(): string {
    return this.#greeting;
  }

  /**
   * Whether the greeting names tsvde. Other consoles are sent no line that is longer than vde_switch accepts, and no
   * `explain`. They reply ENOSYS to `json`.
   */
  get isOurs(): boolean {
    return this.#greeting.includes('tsvde');
  }

  /** Whether commands can be sent. */
  get connected(): boolean {
    return this.#socket.writable;
  }

  /** Sends a command and returns its reply. Throws ExitError if none arrives. */
  ask(line: string): Promise<ConsoleReply> {
    const reply = this.#turn.then(() => this.#ask(line));
    this.#turn = reply.catch(() => {});
    return reply;
  }

  /**
   * Makes the console reply to errors with sentences. To be called before the first ask(). The reply is discarded:
   * older versions of tsvde reply ENOSYS.
   */
  explain(): void {
    this.#socket.write('explain 1\n');
    this.#discarded++;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(line: string): Promise<ConsoleReply> {
    if (line.includes('\n')) throw new ExitError(NO_REPLY, 'a command must be a single line');
    const [, stream] = /^\s*(?:json\s+)*(capture|events)\/stream(?:\s|$)/.exec(line) ?? [];
    if (stream !== undefined)
      throw new ExitError(NO_REPLY, `${stream}/stream cannot be used as a command: run tsvdectl ${stream}`);
    const length = Buffer.byteLength(line);
    if (!this.isOurs && length > VDE_SWITCH_LINE_MAX)
      throw new ExitError(
        NO_REPLY,
        `the command has ${length} bytes, and this console takes at most ${VDE_SWITCH_LINE_MAX}`,
      );
    if (!this.connected) throw new ExitError(NO_REPLY, `the console on '${this.path}' has ended`);
    this.#socket.write(`${line}\n`);
    return (await this.#wait())!;
  }

  #wait(seconds = this.#timeoutSeconds): Promise<ConsoleReply | undefined> {
    this.#socket.setTimeout?.(seconds * 1000);
    return new Promise<ConsoleReply | undefined>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #read(text: string, onDebug: ClientOptions['onDebug']): void {
    try {
      for (const event of this.#reader.read(text)) {
        if (event.type === 'debug') onDebug?.(event.line);
        else if (event.type === 'reply') this.#take(event.reply);
        else {
          this.#greeting = event.text;
          this.#answer(undefined);
        }
      }
    } catch (error) {
      this.#fail(`'${this.path}' is not a console: ${(error as Error).message}`);
    }
  }

  #take(reply: ConsoleReply): void {
    if (this.#discarded > 0) this.#discarded--;
    else this.#answer(reply);
  }

  #answer(reply: ConsoleReply | undefined): void {
    this.#socket.setTimeout?.(0);
    this.#waiting?.resolve(reply);
    this.#waiting = undefined;
  }

  #fail(sentence: string): void {
    const reason = new ExitError(NO_REPLY, sentence);
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
    this.#end(reason);
    this.#socket.destroy();
  }

  #close(): void {
    for (const event of this.#reader.end()) {
      if (event.type === 'reply') this.#take(event.reply);
      this.#end(undefined);
    }
    this.#fail(`'${this.path}' has closed the connection`);
  }
}

/**
 * Returns whether a path has a control socket's name and is not the console of a running switch. A control socket sends
 * clients no greeting.
 */
function isControlSocket(path: string): boolean {
  try {
    const real = realpathSync(path);
    return basename(real) === 'ctl' && !findConsoles().includes(real);
  } catch {
    return false;
  }
}

/** Connects to a socket. Throws ExitError with the reason. */
export function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error) => reject(new ExitError(NO_REPLY, connectFailure(path, error))));
  });
}

/**
 * Returns a sentence for a failed connection. For a file that is not a socket, the kernel's own reason would be
 * "Connection refused".
 */
function connectFailure(path: string, error: Error): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const reason =
    found && !found.isSocket() && !found.isSymbolicLink() ? 'it is not a socket' : describeError(error).toLowerCase();
  const hint = found?.isDirectory() ? '; the management socket is what --mgmt names' : '';
  return `cannot connect to '${path}': ${reason}${hint}`;
}
