// Daemon mode (-d). Node cannot fork, so the command starts itself again as a detached process. The first process
// exits with 0 only once the second has reported through a pipe that everything is usable.
//
// Most of the time that -d takes is Node's. The first process therefore leaves the options to the second where it can,
// and does not load what parses them. The second declines if the options are invalid or do not ask for a daemon; the
// first then parses them as usual.
import { closeSync, writeSync } from 'node:fs';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { endDaemon, spawnDaemon } from '../system/process.ts';
import { announceReady } from './service-manager.ts';

/** The environment variable that tells a process that it is the daemon, and whether its options are checked. */
const VARIABLE = 'TSVDE_DAEMON';
const READY_FD = 3;

export interface DaemonReport {
  /** Whether the process that started the daemon has parsed the options, and reported those that are invalid. */
  optionsChecked: boolean;
  /**
   * Reports that the daemon is ready. The process that started it shows the `warnings`, and then writes to `readyFd`.
   */
  ready(warnings: readonly string[], readyFd: number | undefined): void;
  failed(error: ExitError): void;
  /** Reports that the options are invalid or do not ask for a daemon. */
  declined(): void;
}

/**
 * Returns the functions by which the daemon process reports to the process that started it; undefined in any other
 * process.
 */
export function daemonReport(): DaemonReport | undefined {
  const options = process.env[VARIABLE];
  if (options !== 'checked' && options !== 'unchecked') return undefined; // nobody else sets these values
  delete process.env[VARIABLE];
  const report = (result: Report) => {
    try {
      writeSync(READY_FD, JSON.stringify(result));
      closeSync(READY_FD);
    } catch {
      // The process that started the daemon is gone; the switch runs on regardless.
    }
  };
  return {
    optionsChecked: options === 'checked',
    ready: (warnings, readyFd) => report({ exitCode: 0, warnings, readyFd }),
    failed: ({ exitCode, message }) => report({ exitCode, message }),
    declined: () => report({ declined: true }),
  };
}

/**
 * Guesses whether arguments ask for a daemon, in the usual spellings of the option. A wrong guess takes time, and does
 * no harm.
 */
export function seemToAskForDaemon(argv: readonly string[]): boolean {
  return argv.some((word) => /^(-[xFq]*d|--?daemon)$/.test(word));
}

/**
 * Starts the daemon; returns once it is ready. Passes the warnings of its start to `say`. If its readiness cannot be
 * announced, ends the daemon. Returns false if the daemon has declined, which it does only if `options` is 'unchecked'.
 * Throws ExitError, with the daemon's own reason and exit code if it reported them.
 */
export function startDaemon(
  argv: readonly string[],
  options: 'checked' | 'unchecked',
  say: (warning: string) => void,
): boolean {
  const { pid, report } = start(argv, options);
  if (!report) throw new ExitError(1, `the daemon ended before it was ready: ${endDaemon(pid)}`);
  if (report.declined) {
    endDaemon(pid);
    return false;
  }
  if (report.exitCode !== 0) throw new ExitError(report.exitCode ?? 1, report.message ?? '');
  try {
    if (report.readyFd !== undefined) announceReady(report.readyFd);
  } catch (error) {
    endDaemon(pid);
    throw error;
  }
  for (const warning of report.warnings ?? []) say(warning);
  return true;
}

function start(argv: readonly string[], options: string): { pid: number; report: Report | undefined } {
  process.env[VARIABLE] = options;
  try {
    const { pid, report } = spawnDaemon(argv);
    return { pid, report: parseReport(report) };
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw new ExitError(1, `cannot start the daemon: ${describeError(error)}`);
  } finally {
    delete process.env[VARIABLE];
  }
}

interface Report {
  exitCode?: number;
  /** The reason why the start failed. */
  message?: string;
  warnings?: readonly string[];
  readyFd?: number | undefined;
  declined?: true;
}

/** Parses a report. Returns undefined if it was cut short or never sent. */
function parseReport(report: string): Report | undefined {
  try {
    return JSON.parse(report);
  } catch {
    return undefined;
  }
}
