// What a measurement starts and makes, undone from the last to the first: at its end, when it fails, and on Ctrl-C.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';

const open = new Set();
/** Interrupted: what is being measured must not start anything more. */
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

  /** Runs until the scope ends; `stdin` stays open, since vde_switch exits at its end. */
  start([command, ...args]) {
    if (ending) throw new Error('interrupted');
    const child = spawn(command, args.map(String), { stdio: ['pipe', 'ignore', 'pipe'] });
    child.said = '';
    child.stderr.on('data', (text) => {
      child.said += text;
    });
    child.stdin.on('error', () => {}); // it may be gone before us
    const gone = new Promise((resolve) => {
      child.once('exit', resolve);
      child.once('error', resolve);
    });
    this.defer(async () => {
      child.kill();
      const patience = setTimeout(() => child.kill('SIGKILL'), 3000);
      await gone;
      clearTimeout(patience);
    });
    return child;
  }

  /** Runs to its end; what it wrote on stdout. Throws with what it wrote on stderr. */
  run([command, ...args], { timeoutMs = 30_000 } = {}) {
    if (ending) return Promise.reject(new Error('interrupted'));
    const child = spawn(command, args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let said = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      said += text;
    });
    const patience = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
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
        clearTimeout(patience);
        if (code === 0) resolve(out);
        else reject(new Error(`'${[command, ...args].join(' ')}' failed: ${said.trim() || out.trim()}`));
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
    if (performance.now() > end) throw new Error(`${what} has not come in ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
