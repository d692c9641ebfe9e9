// Going on in the background. Node cannot fork, so the command starts itself again, detached, and waits to be told by it
// that everything is usable, or why not: it returns 0 only then.
import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ExitError } from '../system/exit-error.ts';

/** Tells the second start what it is, and by which descriptor to answer. */
const READY_VARIABLE = 'TSVDE_DAEMON_READY_FD';
const READY_FD = 3;

export interface DaemonReport {
  ready(): void;
  failed(error: ExitError): void;
}

/** In the second start: how to report to the first; undefined in the first. */
export function daemonReport(): DaemonReport | undefined {
  if (process.env[READY_VARIABLE] === undefined) return undefined;
  delete process.env[READY_VARIABLE];
  const report = (result: object) => {
    try {
      writeSync(READY_FD, JSON.stringify(result));
      closeSync(READY_FD);
    } catch {
      // Whoever started us is gone; that changes nothing for the switch.
    }
  };
  return {
    ready: () => report({ exitCode: 0 }),
    failed: ({ exitCode, message }) => report({ exitCode, message }),
  };
}

/**
 * Starts the daemon; returns when it is ready and `tell` has told so, without which it is ended again. Throws ExitError, with
 * the daemon's own reason and code where it has given one.
 */
export async function startDaemon(argv: readonly string[], tell: () => void): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...argv], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, [READY_VARIABLE]: String(READY_FD) },
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const report = parseReport(await text(child.stdio[READY_FD] as Readable));
  if (!report) {
    child.kill(); // it may live, and its report be lost
    throw new ExitError(1, `the daemon ended before it was ready: ${await ended}`);
  }
  if (report.exitCode !== 0) throw new ExitError(report.exitCode, report.message);
  try {
    tell();
  } catch (error) {
    child.kill();
    await ended;
    throw error;
  }
  child.unref();
}

/** Undefined where it broke off, or never began. */
function parseReport(report: string): { exitCode: number; message: string } | undefined {
  try {
    return JSON.parse(report);
  } catch {
    return undefined;
  }
}
