// Undoes what a measurement starts and creates, in reverse order: at its end, when it fails, and on Ctrl-C.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';

const open = new Set();
/** Set on an interrupt; from then on, measurements must not start anything. */
let ending = false;

export class Scope {
  #undo = [];

  constructor() {
    open.add(this);
  }

  defer(undo) {
    this.#undo.push(undo);
  }

  directory() {
    const path = mkdtempSync('/tmp/tsvde-bench-');
    this.defer(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  /**
   * Runs a command until the scope ends. Its stdin stays open, since vde_switch exits when stdin ends. `output` has
   * what the command writes to stderr and, with `keepStdout`, to stdout.
   */
  start([command, ...args], { keepStdout = false, env } = {}) {
    if (ending) throw new Error('interrupted');
    const child = spawn(command, args.map(String), { env, stdio: ['pipe', keepStdout ? 'pipe' : 'ignore', 'pipe'] });
    child.output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text) => {
        child.output += text;
      });
    }
    child.stdin.on('error', () => {}); // the child may end first
    const gone = new Promise((resolve) => {
      child.once('exit', resolve);
      child.once('error', resolve);
    });
    this.defer(async () => {
      child.kill();
      const timeout = setTimeout(() => child.kill('SIGKILL'), 3000);
      await gone;
      clearTimeout(timeout);
    });
    return child;
  }

  /** Runs a command until it ends, and returns its stdout. If it fails, throws an error that contains its stderr. */
  run([command, ...args], { timeoutMs = 30_000 } = {}) {
    if (ending) return Promise.reject(new Error('interrupted'));
    const child = spawn(command, args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const timeout = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const gone = new Promise((resolve) => {
      child.once('close', resolve);
      child.once('error', resolve);
    });
    this.defer(() => {
      child.kill();
      return gone;
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timeout);
        if (code === 0) resolve(output);
        else reject(new Error(`'${[command, ...args].join(' ')}' failed: ${errors.trim() || output.trim()}`));
      });
    });
  }

  async close() {
    open.delete(this);
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        console.error(`could not clean up: ${error.message}`);
      }
    }
  }

  static async with(action) {
    const scope = new Scope();
    try {
      return await action(scope);
    } finally {
      await scope.close();
    }
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    for (const scope of [...open].reverse()) await scope.close();
    process.exit(130);
  });
}

export async function until(what, holds, timeoutMs = 10_000) {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what} did not appear within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
