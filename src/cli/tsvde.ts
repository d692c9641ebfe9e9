// tsvde, the command: parse, start, serve until told to end, clean up.
import { closeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { ExitError } from '../exit-error.ts';
import type { Log } from '../log.ts';
import { setArguments, setProcessName } from '../process.ts';
import { daemonReport, startDaemon } from './daemon.ts';
import { daemonLog, streamLog } from './log.ts';
import { parseOptions } from './options.ts';
import { Service, type ServiceOptions } from './service.ts';
import { ServiceManager } from './service-manager.ts';

/** How it behaves under the name it was called by. */
export interface Manner {
  name: string;
  /** As vde_switch: what is wrong with an option, a TAP, the console's path or the rc file is said, and does not end the start. */
  tolerant: boolean;
}

const OWN: Manner = { name: 'tsvde', tolerant: false };
export const VDE_SWITCH: Manner = { name: 'vde_switch', tolerant: true };

/** vde_switch goes on when it gets one of these; Node would end, or open its debugger. */
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
const FLUSH_MS = 200;

/** The standard streams that are terminals. */
const TERMINALS = [0, 1, 2].filter((fd) => isatty(fd));

/** Why the switch ends; a signal that it is to die of, where its parent wants to see that. */
type End = { reason: string; signal?: NodeJS.Signals };

export async function main(argv: readonly string[], manner = OWN): Promise<void> {
  const { name, tolerant } = manner;
  const report = daemonReport();
  const say = (message: string) => void process.stderr.write(`${name}: ${message}\n`);
  try {
    setProcessName(name);
    if (manner !== OWN) setArguments([name, ...argv]);
    // A daemon is the second to read them, and has nobody to tell.
    const options = parseOptions(argv, name, tolerant ? (report ? () => {} : say) : undefined);
    if (options.daemon && !report) return await startDaemon(argv);
    const log = report ? daemonLog(name, options.log) : streamLog(name, process.stderr, options.log);
    await serve({ ...options, tolerant }, log, report?.ready);
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    if (report) report.failed(error);
    else if (error.exitCode !== 0 && error.message !== '') say(error.message);
    await finish(error.exitCode);
  }
}

async function serve(options: ServiceOptions, log: Log, ready = () => {}): Promise<void> {
  let end: (end: End | undefined) => void = () => {};
  const ended = new Promise<End | undefined>((resolve) => {
    end = resolve;
  });
  for (const signal of IGNORED) process.on(signal, () => {});
  process.on('SIGTERM', () => end({ reason: 'Caught signal 15, cleaning up and exiting' }));
  process.on('SIGINT', () => end({ reason: 'Caught signal 2, cleaning up and exiting', signal: 'SIGINT' }));

  const manager = new ServiceManager();
  const service = await Service.start(options, log, () => end(undefined));
  process.on('SIGHUP', () => {
    manager.reloading();
    void service.reload().then(() => manager.ready(service.status));
  });
  if (options.readStdin)
    void service.readCommands().then(() => end({ reason: 'EOF on stdin, cleaning up and exiting' }));
  service.onStatus((status) => manager.status(status));
  manager.ready(service.status);
  ready();

  const why = await ended;
  if (why) log(why.reason);
  manager.stopping();
  await service.close();
  await finish(0, why?.signal);
}

/** Ends the process once what it said is out, or once nobody seems to want it. */
async function finish(exitCode: number, signal?: NodeJS.Signals): Promise<never> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // Node gives terminals their settings back when it ends, and crashes over one that has hung up: not if it is closed.
  for (const fd of TERMINALS) if (!isatty(fd)) closeSync(fd);
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  process.exit(exitCode);
}

function flushed(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, FLUSH_MS);
    stream.write('', () => resolve());
  });
}
