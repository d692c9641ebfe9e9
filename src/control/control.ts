// A switch's control directory and its clients. They are opened in two steps, bind() and serve(), and closed in one.
import { checkOptions } from '../protocol/options.ts';
import { groupOption } from '../system/accounts.ts';
import type { Log } from '../system/log.ts';
import type { Reservations } from '../system/reservation.ts';
import { makeWay } from '../system/unix-listener.ts';
import { type ClientRules, Clients } from './clients.ts';
import { ControlDirectory, type DirectoryOptions } from './directory.ts';
import type { UserLimits } from './quotas.ts';

/** How a switch listens on a control directory. */
export interface ListenOptions extends DirectoryOptions {
  /** Permissions of port 0's data sockets; default those of the other data sockets. */
  portZeroMode?: number;
  /** The name of the group of port 0's data sockets; default the group of the other data sockets. */
  portZeroGroup?: string;
  /**
   * A descriptor that already listens on `DIR/ctl`, such as one that systemd passes. The switch closes it at the end,
   * and also if listening fails. The socket's file and permissions are left unchanged.
   */
  fd?: number;
  /** How long a client may take to send its request, in milliseconds; default 10000. */
  requestTimeoutMs?: number;
  /** What the clients of one user may use. root and the switch's own user are not limited. */
  userLimits?: UserLimits;
  /** Abandons the start of listening; has no effect once the switch listens. */
  signal?: AbortSignal;
}

const LISTEN_OPTIONS = {
  directory: true,
  mode: true,
  dirMode: true,
  group: true,
  portZeroMode: true,
  portZeroGroup: true,
  fd: true,
  requestTimeoutMs: true,
  userLimits: true,
  signal: true,
} satisfies Record<keyof ListenOptions, true>;

const USER_LIMITS = { endpoints: true, joinsPerSecond: true, unfinished: true } satisfies Record<
  keyof UserLimits,
  true
>;

/** The control directory of a switch, through which clients join. */
export interface ControlInfo {
  /** The absolute path of the directory, symbolic links resolved. */
  directory: string;
  /** Permissions of the directory's `ctl` socket. */
  mode: number;
  /** Whether clients are answered; before serve() they wait. */
  served: boolean;
}

/**
 * Prepares another socket. Resolves with the function that opens the socket, or with undefined if there is no socket to
 * open.
 */
export type PrepareOther = () => Promise<(() => void | Promise<void>) | undefined>;

export class Control {
  readonly #reservations: Reservations;
  readonly #log: Log;
  readonly #options: ListenOptions;
  readonly #rules: ClientRules;
  #directory: ControlDirectory | undefined;
  #clients: Clients | undefined;
  #served = false;
  /** The step in progress. close() waits for it, so that nothing is opened afterwards. */
  #underway: Promise<void> = Promise.resolve();

  /** Throws SwitchError EINVAL for an unknown option or group. */
  constructor(reservations: Reservations, options: ListenOptions, log: Log) {
    checkOptions(options, LISTEN_OPTIONS);
    this.#reservations = reservations;
    this.#log = log;
    this.#options = options;
    const { portZeroMode: mode, portZeroGroup, requestTimeoutMs = 10_000, userLimits = {} } = options;
    checkOptions(userLimits, USER_LIMITS);
    const gid = groupOption(portZeroGroup);
    const portZero = { ...(mode === undefined ? {} : { mode }), ...(gid === undefined ? {} : { gid }) };
    this.#rules = { portZero, requestTimeoutMs, userLimits };
  }

  /** Information about the directory; undefined until bind() has opened it. */
  get info(): ControlInfo | undefined {
    return this.#directory && { directory: this.#directory.path, mode: this.#directory.mode, served: this.#served };
  }

  /**
   * Binds the control socket. Clients may connect, and wait until serve(). `prepareOther` prepares a second socket,
   * such as the console's, once the directory is ours, and resolves with the function that binds it. That function is
   * called right after the control socket is bound, so that both sockets appear together. Throws SwitchError; close()
   * then leaves everything as it was found.
   */
  bind(highestPort: number, prepareOther: PrepareOther): Promise<void> {
    return this.#step(async () => {
      const { fd } = this.#options;
      this.#directory = ControlDirectory.open(this.#options, highestPort);
      if (this.#directory.foreign)
        this.#log(
          `'${this.#directory.path}' holds other files: its permissions and group are left as they are`,
          'warning',
        );
      if (fd === undefined) await makeWay(this.#directory.controlPath, this.#directory.heldControlPath);
      const bindOther = await prepareOther();
      this.#clients = new Clients(this.#reservations, this.#directory, this.#rules, this.#log);
      this.#clients.bind(fd);
      await bindOther?.();
    });
  }

  /** Serves the clients that wait and those that connect later. */
  serve(): Promise<void> {
    return this.#step(async () => {
      await this.#clients?.serve();
      this.#served = true;
    });
  }

  /**
   * Disconnects every client and removes the files that the switch created. If clients were served, also removes the
   * control directory if it is empty, even if the switch did not create it.
   */
  async close(): Promise<void> {
    await this.#underway.catch(() => {});
    await this.#clients?.close();
    if (this.#served) this.#directory?.remove();
    else this.#directory?.abandon();
  }

  #step(step: () => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    this.#underway = (async () => {
      signal?.throwIfAborted();
      await step();
    })();
    return this.#underway;
  }
}
