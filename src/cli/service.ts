// Everything that one tsvde process runs. Parts are opened in the order in which they depend on each other, and closed
// in reverse order. If a part cannot be opened, those opened before it are closed, so that nothing is left behind.
import { isatty } from 'node:tty';
import type { ConsoleContext } from '../console/command.ts';
import { createContext } from '../console/context.ts';
import { runDeclarations, runStartupFile } from '../console/execute.ts';
import { DEFAULT_LEVEL } from '../console/level.ts';
import { ConsoleServer } from '../console/server.ts';
import { runOnStandardStreams } from '../console/session.ts';
import { SwitchError } from '../protocol/errors.ts';
import { Switch } from '../switch/switch.ts';
import { describeError } from '../system/errno.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { LineLimit } from '../system/line-limit.ts';
import type { Log } from '../system/log.ts';
import { TerminalInput } from '../system/terminal-input.ts';
import { VDE_VERSION } from '../system/version.ts';
import type { openForeground } from './foreground.ts';
import type { TsvdeOptions } from './options.ts';
import { writePidFile } from './pid-file.ts';
import { announceReady, passedSockets } from './service-manager.ts';
import { standardInput, tellAbove } from './streams.ts';

const CONTROL_FAILED = 255; // vde_switch's exit code for any failure with its control directory

export interface ServiceOptions extends TsvdeOptions {
  /**
   * Whether to start as vde_switch does: if a TAP, a port, the console or the rc file fails, the reason is logged and
   * the start continues without it.
   */
  tolerant: boolean;
  /** Called once all TAPs and ports that the options name are open, and before clients are served. */
  opened(): void;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #context: ConsoleContext;
  /** Functions that close one open part each, in the order of opening. */
  readonly #closers: (() => unknown)[] = [];
  #openForeground: typeof openForeground | undefined;
  #usable = false;
  #closed: Promise<void> | undefined;

  private constructor(options: ServiceOptions, context: ConsoleContext) {
    this.#options = options;
    this.#context = context;
  }

  /**
   * Starts the service. If `signalled` resolves before the ports are attached and the rc file has run, abandons the
   * port or the rc file in progress and skips the rest of the start. Throws ExitError.
   */
  static async start(
    options: ServiceOptions,
    log: Log,
    { shutdown, signalled }: { shutdown: () => void; signalled: Promise<unknown> },
  ): Promise<Service> {
    const sw = await attempt(1, () => new Switch(options.switch));
    sw.on('log', log);
    const endpoints = new LineLimit(log, (count) => `${count} more endpoints were added or removed meanwhile`);
    sw.on('event', (event) => {
      if (event.type !== 'endpoint-described' && event.type !== 'endpoint-removed') return;
      const { type, port, endpoint, description } = event;
      const change = type === 'endpoint-removed' ? 'removed' : `added: ${description}`;
      const portName = sw.ports.get(port)?.name;
      endpoints.say(`port ${port}: endpoint ${endpoint} ${change}`, 'debug', { port, portName, endpoint, description });
    });
    const { management, tolerant, level = tolerant ? 'full' : DEFAULT_LEVEL } = options;
    const context = createContext({
      switch: sw,
      version: VDE_VERSION,
      level,
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
    const { listen, management, pidFile, taps, specs, rcFile } = this.#options;
    const { switch: sw, log } = this.#context;
    const { hub, fstp } = this.#options.switch;
    if (hub && fstp) log('--hub holds and --fstp does not: a hub has no spanning tree', 'warning');
    const passed = passedSockets();
    if (passed.has('mgmt') && !management)
      throw new ExitError(
        USAGE,
        "a socket named 'mgmt' was passed: give its path with --mgmt, for the console to show",
      );
    const console = new ConsoleServer(this.#context);
    this.#closers.push(() => console.close());
    // The console and the control socket are bound together: some programs wait for one of the sockets and then use the
    // other.
    const prepareConsole = async () => {
      const options = management && { ...management, ...descriptor(passed.get('mgmt')) };
      const bind = options && (await this.#runStep(() => console.prepare(options)));
      return bind && (() => this.#runStep(bind));
    };
    await attempt(CONTROL_FAILED, () => sw.bindWith({ ...listen, ...descriptor(passed.get('ctl')) }, prepareConsole));
    if (pidFile !== undefined) this.#closers.push(writePidFile(pidFile));
    for (const tap of taps) await this.#runStep(() => sw.attach({ kind: 'tap', ifname: tap }));

    let ending = false;
    const end = signalled.then(() => {
      ending = true;
    });
    // If the start is ended early, the step in progress is abandoned, and closing the switch ends that step.
    const unlessEnded = (step: () => Promise<unknown>) => Promise.race([this.#runStep(step), end]);
    for (const spec of specs) if (!ending) await unlessEnded(() => sw.attach(spec));
    if (rcFile !== undefined && !ending) await unlessEnded(() => runStartupFile(rcFile, this.#context, () => ending));
    if (ending) return;
    // Before anything is announced, since the start ends if the last privileges cannot be given up.
    this.#options.opened();
    await attempt(1, () => this.#serveHttp(passed.get('metrics'), passed.get('web')));
    await this.#loadForeground();
    // Clients that connected early have waited until now, so that no client takes a port that an option or the rc file
    // creates.
    await attempt(CONTROL_FAILED, () => sw.serve());
    if (management) await this.#runStep(() => console.serve());
    if (isatty(2) && !this.#options.tolerant && !this.#options.daemon) this.#tellWhere();
    if (this.#options.readyFd !== undefined) announceReady(this.#options.readyFd);
    this.#usable = true;
  }

  /** Logs where the switch listens, for a user at a terminal, who would otherwise see nothing but a prompt. */
  #tellWhere(): void {
    const { log, management, switch: sw } = this.#context;
    const { directory } = sw.control!;
    log(`clients join through '${directory}'`, 'info', { path: directory });
    if (management) log(`serving the console on '${management.path}'`, 'info', { path: management.path });
  }

  /** Whether the start is complete; false if a signal ended it early. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Whether the engine's thread answers. */
  async answers(): Promise<boolean> {
    return (await this.#context.switch.heartbeat()) === 0;
  }

  /** A summary for the service manager: how many ports are active. */
  get status(): string {
    return `${this.#context.switch.ports.activeCount} ports active`;
  }

  /** Calls `listener` with the status whenever it may have changed. */
  onStatus(listener: (status: string) => void): void {
    this.#context.switch.on('event', ({ type }) => {
      if (type === 'endpoint-added' || type === 'endpoint-removed') listener(this.status);
    });
  }

  /** Reopens the plugins' log files and replays the rc file's declarations. */
  async reload(): Promise<void> {
    const { rcFile } = this.#options;
    const { log, plugins } = this.#context;
    plugins.reopen();
    if (rcFile === undefined) return log('Caught signal 1: there is no rc file to read again');
    log(`Caught signal 1: reading '${rcFile}' again`);
    await attempt(1, () => runDeclarations(rcFile, this.#context)).catch((error) => log(error.message, 'warning'));
  }

  /** Runs the console on stdin, at a terminal with a line editor; resolves when stdin ends. */
  async readCommands(): Promise<void> {
    const input = standardInput({ endsInBackground: false });
    if (!(this.#openForeground && input instanceof TerminalInput))
      return await runOnStandardStreams(this.#context, input, process.stdout);
    // With --user, HOME is still that of root.
    const keepsHistory = this.#options.user === undefined;
    const terminal = await this.#openForeground(this.#context, input, { keepsHistory });
    if (this.#closed) return terminal.close();
    tellAbove((line) => terminal.tell(line));
    this.#closers.push(() => terminal.close());
    await terminal.run();
  }

  /** Closes every open part. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }

  /** Runs a step of the start. If the step fails and the service is tolerant, logs the reason and returns undefined. */
  async #runStep<T>(step: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await attempt(1, step);
    } catch (error) {
      if (!(this.#options.tolerant && error instanceof ExitError)) throw error;
      this.#context.log(error.message, 'warning');
      return undefined;
    }
  }

  /**
   * Loads the line editor if it will be used. To be called before the process gives up its rights to read its own
   * files. Started as vde_switch, the console is vde_switch's.
   */
  async #loadForeground(): Promise<void> {
    const { tolerant, readStdin } = this.#options;
    if (tolerant || !readStdin || !isatty(0) || !isatty(1) || process.env.TERM === 'dumb') return;
    this.#openForeground = (await import('./foreground.ts')).openForeground;
  }

  /**
   * Serves metrics and the page. The modules are imported on demand, since loading them takes half of the start-up
   * time.
   */
  async #serveHttp(metricsFd: number | undefined, webFd: number | undefined): Promise<void> {
    const { metrics, web, webHosts } = this.#options;
    if (webHosts.length > 0 && web === undefined && webFd === undefined)
      throw new SwitchError('EINVAL', '--web-host names hosts of the page: give --web, too');
    if ((metrics ?? metricsFd ?? web ?? webFd) === undefined) return;
    const { serveHttp } = await import('./http.ts');
    const served = await serveHttp(this.#context, {
      metrics: metricsFd ?? metrics,
      web: webFd ?? web,
      webHosts,
    });
    this.#closers.push(() => served.close());
  }
}

function descriptor(fd: number | undefined): { fd?: number } {
  return fd === undefined ? {} : { fd };
}

/** Runs a step of the start. Errors become an ExitError with `exitCode`, or with 1 for an invalid option. */
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

/** Returns whether the error is a failed system call on a file. Such an error is reported without a stack trace. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException & { path: string } {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}
