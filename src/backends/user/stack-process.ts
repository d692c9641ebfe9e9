// One run of tsvde-slirp, the program that contains libslirp. The process is started with its settings and a socket for
// frames, reads requests as lines on stdin and answers on stdout. It has no privileges, so the sockets on which it
// serves the host are bound here and handed over. A guest that crashes libslirp ends this process, not the switch. The
// process ends when its stdin is closed, so that it cannot outlive the switch.
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';
import { cannotStart, startHelper } from '../../system/helper-process.ts';
import { helperProgram, native } from '../../system/native.ts';

export interface StackStats {
  connections: number;
  tooShort: number;
  tooLong: number;
  notForUs: number;
  fragments: number;
  notTaken: number;
  leases: number;
  leasesRefused: number;
}

export interface StackListener {
  /** Called for each line that libslirp or GLib writes to stderr. */
  complained(line: string): void;
  /** Called for each of these lines on stdout: `note SENTENCE`, `warning SENTENCE`, `guests …`, `full …`. */
  told(word: string, rest: string): void;
  /** Called once if the process, after it was ready, ends without a call of end(). */
  died(why: string): void;
}

/** The size of the buffers over which sockets are handed over. A few sockets at a time wait in the buffers. */
const CHANNEL_BYTES = 4096;
/** The longest answer, in bytes: a table with thousands of connections has some 100 KB. */
const UNREAD_MAX = 1 << 20;
/** The most requests that wait for an answer. A start sends one for each forward and lease. */
const WAITING_MAX = 4096;
/** How long the process may take to end before it is killed, in milliseconds. */
const END_MS = 2000;

export class StackProcess {
  readonly #child: ChildProcess;
  readonly #listener: StackListener;
  readonly #ready: Promise<void>;
  readonly #exited: Promise<void>;
  /** Our end of the pair over which bound sockets are handed over; undefined once the process has ended. */
  #channel: number | undefined;
  readonly #waiting: { resolve(answer: string): void; reject(error: Error): void }[] = [];
  #settleReady: ((failure?: SwitchError) => void) | undefined;
  #unread = Buffer.alloc(0);
  #ending = false;
  /** The statistics, at most a second old. */
  stats: StackStats = readStats([]);

  private constructor(settings: readonly string[], frames: number, listener: StackListener) {
    this.#listener = listener;
    this.#ready = new Promise((resolve, reject) => {
      this.#settleReady = (failure) => {
        this.#settleReady = undefined;
        if (failure) reject(failure);
        else resolve();
      };
    });
    const program = helperProgram('tsvde-slirp');
    const [channel, theirs] = native.datagramPair(CHANNEL_BYTES);
    let child: ChildProcess;
    try {
      child = startHelper(program, settings, { stdio: ['pipe', 'pipe', 'pipe', frames, theirs] });
    } catch (error) {
      native.closeDescriptor(channel);
      throw error;
    } finally {
      native.closeDescriptor(theirs);
    }
    this.#channel = channel;
    this.#child = child;
    child.stdin!.on('error', () => {}); // 'exit' follows
    child.stdout!.on('data', (bytes: Buffer) => this.#read(bytes));
    let complaint = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (complaint + text).split('\n');
      complaint = lines.pop()!.slice(0, 1000);
      for (const line of lines.filter((line) => line.trim() !== '')) listener.complained(line);
    });
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#ended(cannotStart(program, describeError(error)).message);
        if (child.pid === undefined) resolve();
      });
      child.once('exit', (code, signal) => {
        const ended = () => {
          this.#ended(`it ended with ${signal ?? `exit code ${code}`}`);
          resolve();
        };
        // Wait for the rest of stdout, but not for stderr, which a program started by guestfwd may hold open.
        if (child.stdout!.closed) ended();
        else child.stdout!.once('close', ended);
      });
    });
  }

  /**
   * Starts the process; resolves when it carries frames. `frames` is the process's end of a pair of datagram sockets,
   * which the caller still owns. Throws SwitchError with a sentence.
   */
  static async start(settings: readonly string[], frames: number, listener: StackListener): Promise<StackProcess> {
    const stack = new StackProcess(settings, frames, listener);
    await stack.#ready;
    return stack;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Sends a request, one line without its newline. Resolves with the answer: the table for `info`; `ERRNO PORT` for any
   * other request, where ERRNO is 0 on success. Rejects if the process has ended.
   */
  ask(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#ending) return reject(gone());
      this.#waiting.push({ resolve, reject });
      (this.#child.stdin as Writable).write(`${line}\n`);
    });
  }

  /** Like ask(), for a request that adds a forward. `fd`, the forward's bound socket, is closed in every case. */
  async forward(line: string, fd: number): Promise<string> {
    try {
      if (this.#channel === undefined) throw gone();
      native.sendDescriptor(this.#channel, fd);
    } finally {
      native.closeDescriptor(fd);
    }
    return this.ask(line);
  }

  /** Ends the process: first by closing its stdin, then by force. Idempotent. */
  async end(): Promise<void> {
    this.#ending = true;
    (this.#child.stdin as Writable).end();
    (this.#child.stdout as Readable).resume();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    await this.#exited;
    clearTimeout(late);
  }

  #ended(why: string): void {
    const expected = this.#ending;
    this.#ending = true;
    if (this.#channel !== undefined) native.closeDescriptor(this.#channel);
    this.#channel = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(gone());
    if (this.#settleReady) this.#settleReady(new SwitchError('EIO', `the user-mode stack cannot be used: ${why}`));
    else if (!expected) this.#listener.died(why);
  }

  /** Handles the process's own report that it cannot start; the process then ends by itself. */
  #fail(sentence: string): void {
    this.#ending = true;
    this.#settleReady?.(new SwitchError('ENOENT', sentence));
  }

  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    // A guest that controls libslirp must not be able to use up the memory of the switch.
    if (this.#unread.length > UNREAD_MAX || this.#waiting.length > WAITING_MAX) {
      this.#unread = Buffer.alloc(0);
      this.#child.kill('SIGKILL');
      return;
    }
    for (let end = this.#unread.indexOf('\n'); end >= 0; end = this.#unread.indexOf('\n')) {
      const line = this.#unread.toString('utf8', 0, end);
      const [, size] = /^text (\d+)$/.exec(line) ?? [];
      const next = end + 1 + Number(size ?? 0);
      if (this.#unread.length < next) return; // the rest has not arrived yet
      this.#hear(line, this.#unread.toString('latin1', end + 1, next));
      this.#unread = this.#unread.subarray(next);
    }
  }

  #hear(line: string, text: string): void {
    const [word, ...values] = line.split(' ');
    if (word === 'ready') this.#settleReady?.();
    else if (word === 'failed') this.#fail(values.join(' '));
    else if (word === 'stats') this.stats = readStats(values.map(Number));
    else if (word !== 'done' && word !== 'text') this.#listener.told(word!, values.join(' '));
    else this.#waiting.shift()?.resolve(word === 'text' ? text : values.join(' '));
  }
}

/** Reads the values of a `stats` line, which the process writes in the order below. */
export function readStats(values: readonly number[]): StackStats {
  const [connections = 0, tooShort = 0, tooLong = 0, notForUs = 0, fragments = 0, notTaken = 0] = values;
  const [leases = 0, leasesRefused = 0] = values.slice(6);
  return { connections, tooShort, tooLong, notForUs, fragments, notTaken, leases, leasesRefused };
}

function gone(): SwitchError {
  return new SwitchError('EIO', 'the user-mode stack has ended and is being restarted');
}
