// Everything that one tsvde process runs: opened in the order in which others come to depend on it, closed in reverse.
// What fails to open closes what was opened before it, so that nothing is left behind.

import type { ConsoleContext } from '../console/command.ts';
import { createContext } from '../console/context.ts';
import { runDeclarations, runStartupFile } from '../console/execute.ts';
import { printable } from '../console/reply.ts';
import { ConsoleServer } from '../console/server.ts';
import { runOnStandardStreams } from '../console/session.ts';
import { SwitchError } from '../protocol/errors.ts';
import { Switch } from '../switch/switch.ts';
import { describeError } from '../system/errno.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import type { Log } from '../system/log.ts';
import { VDE_VERSION } from '../system/version.ts';
import type { TsvdeOptions } from './options.ts';
import { writePidFile } from './pid-file.ts';
import { passedSockets, tellReady } from './service-manager.ts';

const CONTROL_FAILED = 255; // vde_switch's code for all that is wrong with its directory

export interface ServiceOptions extends TsvdeOptions {
  /** What cannot be had beside the control directory is said, and done without. */
  tolerant: boolean;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #context: ConsoleContext;
  /** What closes what is open, in the order of opening. */
  readonly #closers: (() => unknown)[] = [];
  #usable = false;
  #closed: Promise<void> | undefined;

  private constructor(options: ServiceOptions, context: ConsoleContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Throws ExitError. Once `signalled` to end, it waits for nobody and does without what follows. */
  static async start(
    options: ServiceOptions,
    log: Log,
    { shutdown, signalled }: { shutdown: () => void; signalled: Promise<unknown> },
  ): Promise<Service> {
    const sw = await attempt(1, () => new Switch(options.switch));
    sw.on('log', log);
    sw.on('event', (event) => {
      if (event.type === 'endpoint-described')
        log(`port ${event.port}: endpoint ${event.endpoint} joined: ${printable(event.description)}`, 'debug');
      if (event.type === 'endpoint-removed') log(`port ${event.port}: endpoint ${event.endpoint} left`, 'debug');
    });
    const { management } = options;
    const context = createContext({
      switch: sw,
      version: VDE_VERSION,
      log,
      shutdown,
      ...(management ? { management } : {}),
    });
    const service = new Service(options, context);
    service.#closers.push(() => sw.close());
    service.#closers.push(() => context.plugins.close());
    try {
      await service.#open(signalled);
      return service;
    } catch (error) {
      await service.close();
      throw error;
    }
  }

  async #open(signalled: Promise<unknown>): Promise<void> {
    const { listen, management, pidFile, taps, ports, rcFile, metrics } = this.#options;
    const { switch: sw } = this.#context;
    const passed = passedSockets();
    if (passed.has('mgmt') && !management)
      throw new ExitError(
        USAGE,
        "a socket named 'mgmt' was passed: say by --mgmt where it is, which the console shows",
      );
    const console = new ConsoleServer(this.#context);
    this.#closers.push(() => console.close());
    // With the control socket, since some programs wait until they can connect to one and then use the other.
    const prepareConsole = async () => {
      const options = management && { ...management, ...descriptor(passed.get('mgmt')) };
      const bind = options && (await this.#want(() => console.prepare(options)));
      return bind && (() => this.#want(bind));
    };
    await attempt(CONTROL_FAILED, () => sw.bind({ ...listen, ...descriptor(passed.get('ctl')) }, prepareConsole));
    if (pidFile !== undefined) this.#closers.push(writePidFile(pidFile));
    for (const tap of taps) await this.#want(() => sw.attach(`tap,ifname=${tap.replaceAll(',', ',,')}`));

    let over = false;
    const end = signalled.then(() => {
      over = true;
    });
    // What is still being opened ends with the switch.
    const unlessEnded = (step: () => Promise<unknown>) => Promise.race([this.#want(step), end]);
    for (const port of ports) if (!over) await unlessEnded(() => sw.attach(port));
    if (rcFile !== undefined && !over) await unlessEnded(() => runStartupFile(rcFile, this.#context, () => over));
    if (over) return;
    const metricsFd = passed.get('metrics');
    if (metrics !== undefined || metricsFd !== undefined)
      await attempt(1, () => this.#serveMetrics(metricsFd ?? metrics!));
    // Who has connected before has waited: none of them takes a port that an option or the rc file is to make.
    await attempt(CONTROL_FAILED, () => sw.serve());
    if (management) await this.#want(() => console.serve());
    if (this.#options.readyFd !== undefined) tellReady(this.#options.readyFd);
    this.#usable = true;
  }

  /** False where the signal to end came before. */
  get usable(): boolean {
    return this.#usable;
  }

  /** For people: how much is in use. */
  get status(): string {
    const ports = this.#context.switch.ports.list();
    return `${ports.filter(({ active }) => active).length} ports active`;
  }

  /** Told whenever the status is another one. */
  onStatus(listener: (status: string) => void): void {
    this.#context.switch.on('event', ({ type }) => {
      if (type === 'endpoint-added' || type === 'endpoint-removed') listener(this.status);
    });
  }

  /** Opens the plugins' log files again, and reads the rc file's declarations. */
  async reload(): Promise<void> {
    const { rcFile } = this.#options;
    const { log, plugins } = this.#context;
    plugins.reopen();
    if (rcFile === undefined) return log('Caught signal 1: there is no rc file to read again');
    log(`Caught signal 1: reading '${rcFile}' again`);
    await attempt(1, () => runDeclarations(rcFile, this.#context)).catch((error) => log(error.message, 'warning'));
  }

  /** The console on stdin: resolves when that ends. */
  readCommands(): Promise<void> {
    return runOnStandardStreams(this.#context, process.stdin, process.stdout);
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }

  /** Undefined where that is done without. */
  async #want<T>(step: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await attempt(1, step);
    } catch (error) {
      if (!(this.#options.tolerant && error instanceof ExitError)) throw error;
      this.#context.log(error.message);
      return undefined;
    }
  }

  /** Loaded only where it is wanted: it is half of what starting takes. */
  async #serveMetrics(address: string | number): Promise<void> {
    const { startMetrics, parseMetricsAddress } = await import('../metrics/server.ts');
    const server = await startMetrics(this.#context.switch, {
      address: typeof address === 'number' ? { kind: 'descriptor', fd: address } : parseMetricsAddress(address),
      version: VDE_VERSION,
    });
    this.#closers.push(() => server.close());
  }
}

function descriptor(fd: number | undefined): { fd?: number } {
  return fd === undefined ? {} : { fd };
}

/** Runs a step of the start; what it refuses ends the program with that code, or with 1 where an option is wrong. */
async function attempt<T>(exitCode: number, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (isSystemError(error)) {
      throw new ExitError(exitCode, `cannot ${error.syscall} '${error.path}': ${describeError(error)}`);
    }
    if (!(error instanceof SwitchError)) throw error;
    const wrongOption = error.code === 'EINVAL' || error.code === 'ENAMETOOLONG';
    throw new ExitError(wrongOption ? 1 : exitCode, error.message);
  }
}

/** What the system refuses about a file: no defect of ours, and no stack trace for the user. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException & { path: string } {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}
