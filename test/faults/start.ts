// A switch whose system calls fail while it starts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient } from '../support/console.ts';
import { tsvde } from '../support/process.ts';
import { type Fault, inject } from '../support/strace.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const GATE = fileURLToPath(new URL('gate.cjs', import.meta.url));

export interface Start {
  /** How many calls have failed. */
  failed: number;
  /** Whether the switch has become ready and answers on its console. */
  serves: boolean;
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  /** The files that are left behind after the end. */
  left: string[];
}

/** Starts a switch whose calls fail from when its code is loaded. Ends it. */
export async function startWith(fault: Fault): Promise<Start> {
  const home = temporaryDirectory();
  const args = ['-s', `${home}/ctl`, '-M', `${home}/mgmt`, '-p', `${home}/pid`, '--metrics', `unix:${home}/metrics`];
  const child = spawn(tsvde, [...args, '--ready-fd', '3'], {
    cwd: home,
    env: { ...process.env, NODE_OPTIONS: `--require ${GATE}` },
    stdio: ['pipe', 'ignore', 'pipe', 'pipe', 'pipe'],
  });
  atEnd(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const closed = once(child, 'close');
  const [ready, gate] = [child.stdio[3] as Duplex, child.stdio[4] as Duplex];
  gate.on('error', () => {});
  const reached = once(gate, 'data').then(() => true);
  const ended = closed.then(() => false);
  if (!(await Promise.race([reached, ended])))
    throw new Error(`the switch ended before its code was loaded: ${stderr}`);
  const injection = await inject(child.pid!, fault);
  gate.write('g');
  await Promise.race([closed, once(ready, 'data')]);
  const failed = await injection.stop();
  const serves = child.exitCode === null && (await answers(`${home}/mgmt`));
  child.kill('SIGTERM');
  const [code, signal] = await closed;
  return { failed, serves, code, signal, stderr, left: readdirSync(home) };
}

async function answers(path: string): Promise<boolean> {
  try {
    const console = await ConsoleClient.connect(path);
    return (await console.ask('port/print')).includes('1000 Success');
  } catch {
    return false;
  }
}
