// tsvde, the command: parse, start, serve until told to end, clean up.
import { ExitError } from '../system/exit-error.ts';
import type { Log } from '../system/log.ts';
import { daemonReport, startDaemon } from './daemon.ts';
import { daemonLog, streamLog } from './log.ts';
import { parseOptions } from './options.ts';
import { Service, type ServiceOptions } from './service.ts';
import { ServiceManager, tellReady } from './service-manager.ts';
import { finish, takeName, waitForNoReader } from './streams.ts';

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
/** Why the switch ends; a signal that it is to die of, where its parent wants to see that. */
type End = { reason: string; signal?: NodeJS.Signals };

export async function main(argv: readonly string[], manner = OWN): Promise<void> {
  const { name, tolerant } = manner;
  if (manner === OWN && argv[0] === 'plug') return (await import('./plug.ts')).main(argv.slice(1));
  const report = daemonReport();
  const say = (message: string) => void process.stderr.write(`${name}: ${message}\n`);
  try {
    takeName(name, manner === OWN ? undefined : argv);
    // A daemon is the second to read them, and has nobody to tell.
    const options = parseOptions(argv, name, tolerant ? (report ? () => {} : say) : undefined);
    if (options.daemon && !report)
      return await startDaemon(argv, () => {
        if (options.readyFd !== undefined) tellReady(options.readyFd);
      });
    waitForNoReader();
    const log = report ? daemonLog(name, options.log) : streamLog(name, process.stderr, options.log);
    // A daemon has no descriptor of its starter's, who tells.
    const readyFd = report ? undefined : options.readyFd;
    await serve({ ...options, readyFd, tolerant }, log, report?.ready);
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
  const signalled = new Promise<End>((resolve) => {
    process.on('SIGTERM', () => resolve({ reason: 'Caught signal 15, cleaning up and exiting' }));
    process.on('SIGINT', () => resolve({ reason: 'Caught signal 2, cleaning up and exiting', signal: 'SIGINT' }));
  });
  void signalled.then(end);

  const manager = new ServiceManager();
  const starting = Service.start(options, log, { shutdown: () => end(undefined), signalled }).then((service) => {
    if (service.usable) manager.ready(service.status);
    return service;
  });
  // One that comes during the start waits for its end, and does not end it.
  process.on('SIGHUP', () => void starting.then((service) => reload(service, manager)).catch(() => {}));
  const service = await starting;
  service.onStatus((status) => manager.status(status));
  if (options.readStdin)
    void service.readCommands().then(() => end({ reason: 'EOF on stdin, cleaning up and exiting' }));
  if (service.usable) ready();

  const why = await ended;
  if (why) log(why.reason);
  manager.stopping();
  await service.close();
  await finish(0, why?.signal);
}

async function reload(service: Service, manager: ServiceManager): Promise<void> {
  manager.reloading();
  await service.reload();
  manager.ready(service.status);
}
