// Programs started by a test: their output and their exit. The programs are killed by pid when the test ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.ts';
import { until } from './wait.ts';

export const tsvde = fileURLToPath(new URL('../../bin/tsvde', import.meta.url));
export const tsvdeq = fileURLToPath(new URL('../../bin/tsvdeq', import.meta.url));
export const tsvdectl = fileURLToPath(new URL('../../bin/tsvdectl', import.meta.url));
/** The path of our program that has the name of a vde2 program. */
export const compat = (name: string) => fileURLToPath(new URL(`../../bin/compat/${name}`, import.meta.url));

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface StartOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** `ignore` gives the program an empty stdin. */
  stdin?: 'pipe' | 'ignore';
  /** The program gets a pipe as descriptor 3; `ready` resolves when the program writes to it. */
  tellsReady?: boolean;
}

export class Started {
  readonly #child: ChildProcess;
  /** Resolves after the end of the program and of every child that inherited its output. */
  readonly exited: Promise<Exit>;
  /** Resolves when the program writes to descriptor 3 or ends; at once without `tellsReady`. */
  readonly ready: Promise<unknown>;
  readonly #gone: Promise<unknown>;
  #stdout = '';
  #stderr = '';

  constructor(
    command: string,
    args: readonly string[],
    { cwd, env = process.env, stdin = 'pipe', tellsReady = false }: StartOptions = {},
  ) {
    const child = spawn(command, args, {
      stdio: [stdin, 'pipe', 'pipe', ...(tellsReady ? ['pipe' as const] : [])],
      env,
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#child = child;
    const told = child.stdio[3];
    this.ready = told ? once(told, 'readable') : Promise.resolve();
    child.stdout?.on('data', (chunk) => {
      this.#stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk;
    });
    child.stdin?.on('error', () => {}); // the program may have ended
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.exited.catch(() => {});
    this.#gone = new Promise((resolve) => {
      child.once('error', resolve);
      child.once('exit', resolve);
    });
    atEnd(() => this.stop('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get stdin(): Writable {
    return this.#child.stdin!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  stdout(): string {
    return this.#stdout;
  }

  stderr(): string {
    return this.#stderr;
  }

  /** Waits until stdout or stderr matches. */
  output(pattern: RegExp, milliseconds = 10_000): Promise<RegExpMatchArray> {
    return until(
      () => (this.#stdout + this.#stderr).match(pattern),
      () => `${pattern} from '${this.#child.spawnargs.join(' ')}', which said: ${this.#stdout}${this.#stderr}`,
      milliseconds,
    );
  }

  onStdout(listener: (chunk: Buffer) => void): void {
    this.#child.stdout!.on('data', listener);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Signals the program and resolves when it has exited. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.running) this.#child.kill(signal);
    await this.#gone;
  }
}

export function start(command: string, args: readonly string[], options?: StartOptions): Started {
  return new Started(command, args, options);
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Exit & { stdout: string; stderr: string }> {
  const started = start(command, args, { stdin: 'ignore', ...options });
  const exit = await started.exited;
  return { ...exit, stdout: started.stdout(), stderr: started.stderr() };
}

/** Ends a daemon, which is not a child of this process, and waits until it is gone. */
export async function endPid(pid: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  try {
    process.kill(pid, signal);
  } catch {
    return;
  }
  await until(() => !isRunning(pid), `the end of process ${pid}`);
}

/** Returns whether a process is running. A zombie is not running: a container's init may be slow to reap it. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
