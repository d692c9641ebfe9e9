// Daemon mode (-d). Node cannot fork, so the command starts itself again as a detached process. The first process
// exits with 0 only once the second has reported through a pipe that everything is usable.
import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ExitError } from '../system/exit-error.ts';

/** The environment variable that tells the daemon process the number of the descriptor to report on. */
const READY_VARIABLE = 'TSVDE_DAEMON_READY_FD';
const READY_FD = 3;

export interface DaemonReport {
  /** Reports that the daemon is ready. The process that started it shows the `warnings`. */
  ready(warnings: readonly string[]): void;
  failed(error: ExitError): void;
}

/**
 * Returns the functions by which the daemon process reports to the process that started it; undefined in any other
 * process.
 */
export function daemonReport(): DaemonReport | undefined {
  if (process.env[READY_VARIABLE] === undefined) return undefined;
  delete process.env[READY_VARIABLE];
  const report = (result: Report) => {
    try {
      writeSync(READY_FD, JSON.stringify(result));
      closeSync(READY_FD);
    } catch {
      // The process that started the daemon is gone; the switch runs on regardless.
    }
  };
  return {
    ready: (warnings) => report({ exitCode: 0, warnings }),
    failed: ({ exitCode, message }) => report({ exitCode, message }),
  };
}

/**
 * Starts the daemon; returns once it is ready and `announce` has returned. If `announce` throws, ends the daemon.
 * Returns the warnings of the start. Throws ExitError, with the daemon's own reason and exit code if it reported them.
 */
export async function startDaemon(argv: readonly string[], announce: () => void): Promise<readonly string[]> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...argv], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, [READY_VARIABLE]: String(READY_FD) },
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const report = parseReport(await textOf(child.stdio[READY_FD] as Readable));
  if (!report) {
    child.kill(); // without a report, the daemon may still be running
    throw new ExitError(1, `the daemon ended before it was ready: ${await ended}`);
  }
  if (report.exitCode !== 0) throw new ExitError(report.exitCode, report.message ?? '');
  try {
    announce();
  } catch (error) {
    child.kill();
    await ended;
    throw error;
  }
  child.unref();
  return report.warnings ?? [];
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) text += part;
  return text;
}

interface Report {
  exitCode: number;
  /** The reason why the start failed. */
  message?: string;
  warnings?: readonly string[];
}

/** Parses a report. Returns undefined if it was cut short or never sent. */
function parseReport(report: string): Report | undefined {
  try {
    return JSON.parse(report);
  } catch {
    return undefined;
  }
}
