// One life of tsvde-slirp, the program that holds libslirp: started with its settings and a socket of frames, asked by lines
// on its stdin, heard on its stdout. It is a process so that a guest that finds a fault in libslirp ends that, and not the
// switch. It ends when its stdin does, so that it outlives nobody.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';
import { slirpProgram } from '../../system/native.ts';

export interface StackStats {
  connections: number;
  tooShort: number;
  tooLong: number;
  notForUs: number;
  fragments: number;
  notTaken: number;
}

export interface StackListener {
  /** libslirp's and GLib's complaints. */
  complained(line: string): void;
  /** Once, after it was ready, and not when it was asked to. */
  died(why: string): void;
}

/** How long it may take over its end before it is killed. */
const END_MS = 2000;

export class StackProcess {
  readonly #child: ChildProcess;
  readonly #listener: StackListener;
  readonly #ready: Promise<void>;
  readonly #exited: Promise<void>;
  readonly #waiting: { resolve(answer: string): void; reject(error: Error): void }[] = [];
  #settleReady: ((failure?: SwitchError) => void) | undefined;
  #unread = Buffer.alloc(0);
  #ending = false;
  /** As of a second ago at most. */
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
    const child = spawn(slirpProgram, settings, { stdio: ['pipe', 'pipe', 'pipe', frames] });
    this.#child = child;
    child.stdin!.on('error', () => {}); // its end is told by `exit`
    child.stdout!.on('data', (bytes: Buffer) => this.#read(bytes));
    let complaint = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (complaint + text).split('\n');
      complaint = lines.pop()!.slice(0, 1000);
      for (const line of lines.filter((line) => line.trim() !== '')) listener.complained(line);
    });
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#ended(`'${slirpProgram}' cannot be started: ${describeError(error)}`);
        if (child.pid === undefined) resolve();
      });
      child.once('exit', (code, signal) => {
        const ended = () => {
          this.#ended(`it ended with ${signal ?? `exit code ${code}`}`);
          resolve();
        };
        // Its last words may still be on their way. (Stderr would keep us as long as a program of guestfwd has it.)
        if (child.stdout!.closed) ended();
        else child.stdout!.once('close', ended);
      });
    });
  }

  /**
   * Resolves when it carries frames. `frames` is its end of a pair of datagram sockets and stays the caller's. Throws
   * SwitchError with a sentence.
   */
  static async start(settings: readonly string[], frames: number, listener: StackListener): Promise<StackProcess> {
    const stack = new StackProcess(settings, frames, listener);
    await stack.#ready;
    return stack;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A line without its end; resolves with an errno, or for `info` with the text. */
  ask(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#ending) return reject(gone());
      this.#waiting.push({ resolve, reject });
      (this.#child.stdin as Writable).write(`${line}\n`);
    });
  }

  /** Idempotent. */
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
    for (const { reject } of this.#waiting.splice(0)) reject(gone());
    if (this.#settleReady) this.#settleReady(new SwitchError('EIO', `the user-mode stack cannot be used: ${why}`));
    else if (!expected) this.#listener.died(why);
  }

  /** It cannot start, and ends by itself. */
  #fail(sentence: string): void {
    this.#ending = true;
    this.#settleReady?.(new SwitchError('ENOENT', sentence));
  }

  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (let end = this.#unread.indexOf('\n'); end >= 0; end = this.#unread.indexOf('\n')) {
      const line = this.#unread.toString('utf8', 0, end);
      const [, size] = /^text (\d+)$/.exec(line) ?? [];
      const next = end + 1 + Number(size ?? 0);
      if (this.#unread.length < next) return; // the rest is to come
      this.#hear(line, this.#unread.toString('latin1', end + 1, next));
      this.#unread = this.#unread.subarray(next);
    }
  }

  #hear(line: string, text: string): void {
    const [word, ...values] = line.split(' ');
    if (word === 'ready') this.#settleReady?.();
    else if (word === 'failed') this.#fail(values.join(' '));
    else if (word === 'stats') this.stats = readStats(values.map(Number));
    else this.#waiting.shift()?.resolve(word === 'text' ? text : (values[0] ?? ''));
  }
}

/** In the order of its `stats` line. */
export function readStats(values: readonly number[]): StackStats {
  const [connections = 0, tooShort = 0, tooLong = 0, notForUs = 0, fragments = 0, notTaken = 0] = values;
  return { connections, tooShort, tooLong, notForUs, fragments, notTaken };
}

function gone(): SwitchError {
  return new SwitchError('EIO', 'the user-mode stack has ended; it is being started again');
}
