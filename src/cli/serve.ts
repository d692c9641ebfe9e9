// A run of tsvde that serves: starts the service, serves until told to end, and cleans up.
import { constants } from 'node:os';
import { describeError } from '../system/errno.ts';
import type { Log } from '../system/log.ts';
import { loadAddon } from '../system/native.ts';
import { ignoreTerminalStops } from '../system/terminal-input.ts';
import { confine } from './confinement.ts';
import type { DaemonReport } from './daemon.ts';
import { daemonLog, stderrLog } from './log.ts';
import type { TsvdeOptions } from './options.ts';
import { Service, type ServiceOptions } from './service.ts';
import { ServiceManager } from './service-manager.ts';
import { finish, logAbove, terminalInput, unblockTerminals } from './streams.ts';

/** How the program behaves, depending on the name that it was started by. */
export interface Behaviour {
  name: string;
  /**
   * Whether to behave as vde_switch: an invalid option is reported and ignored, and a TAP, port, console or rc file
   * that fails is reported and does not end the start.
   */
  tolerant: boolean;
}

/** Signals that vde_switch ignores. By default they would end Node or open its debugger. */
const IGNORED: readonly NodeJS.Signals[] = [
  'SIGALRM',
  'SIGIO',
  'SIGPROF',
  'SIGPWR',
  'SIGSTKFLT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGVTALRM',
];

/**
 * The most warnings that a daemon passes to the process that started it. A start with a broken rc file can have more.
 */
const WARNINGS_MAX = 20;

/** An end of the switch. `signal` is set if the parent process should see that a signal ended this process. */
type End = { reason: string; signal?: NodeJS.Signals; failed?: boolean };

/** Serves, in a daemon with its `report`. Throws ExitError if the start fails, and otherwise ends the process. */
export async function serve(
  options: TsvdeOptions,
  { name, tolerant }: Behaviour,
  report: DaemonReport | undefined,
): Promise<void> {
  loadAddon();
  unblockTerminals();
  ignoreTerminalStops();
  // The terminal is looked at before the start: after a hang-up it could not be told from an empty standard input.
  if (options.readStdin) terminalInput({ endsInBackground: false });
  const warnings: string[] = []; // the warnings of a daemon's start
  const log = report ? alsoKeeping(warnings, daemonLog(name, options.log)) : stderrLog(name, options.log, logAbove);
  // The daemon does not inherit --ready-fd's descriptor; the process that started the daemon announces readiness.
  const readyFd = report ? undefined : options.readyFd;
  const opened = confine(options);
  await run({ ...options, readyFd, tolerant, opened }, log, () => report?.ready(warnings.splice(0), options.readyFd));
}

/**
 * Returns a log that also copies the first warnings to `kept`. The user who starts a daemon sees the command's stderr,
 * not the system log.
 */
function alsoKeeping(kept: string[], log: Log): Log {
  return (message, level, fields) => {
    if (level === 'warning' && kept.length < WARNINGS_MAX) kept.push(message);
    log(message, level, fields);
  };
}

async function run(options: ServiceOptions, log: Log, ready: () => void): Promise<void> {
  let end: (end: End | undefined) => void = () => {};
  const ended = new Promise<End | undefined>((resolve) => {
    end = resolve;
  });
  for (const signal of IGNORED) process.on(signal, () => {});
  const signalled = new Promise<End>((resolve) => {
    process.on('SIGTERM', () => resolve({ reason: 'Caught signal 15, cleaning up and exiting' }));
    for (const signal of ['SIGINT', 'SIGQUIT'] as const)
      process.on(signal, () =>
        resolve({ reason: `Caught signal ${constants.signals[signal]}, cleaning up and exiting`, signal }),
      );
  });
  void signalled.then(end);

  const manager = new ServiceManager();
  const starting = Service.start(options, log, { shutdown: () => end(undefined), signalled }).then((service) => {
    if (service.usable) manager.ready(service.status);
    return service;
  });
  // A SIGHUP that arrives during the start is handled after it, and does not end the process.
  process.on('SIGHUP', () => void starting.then((service) => reload(service, manager)).catch(() => {}));
  const service = await starting;
  service.onStatus((status) => manager.status(status));
  manager.watch(() => service.answers());
  if (options.readStdin)
    service.readCommands().then(
      () => end({ reason: 'EOF on stdin, cleaning up and exiting' }),
      (error) => end({ reason: `the console on standard input has failed: ${describeError(error)}`, failed: true }),
    );
  if (service.usable) ready();

  const why = await ended;
  if (why) log(why.reason, why.failed ? 'warning' : 'info');
  manager.stopping();
  await service.close();
  await finish(why?.failed ? 1 : 0, why?.signal);
}

async function reload(service: Service, manager: ServiceManager): Promise<void> {
  manager.reloading();
  await service.reload();
  manager.ready(service.status);
}
