// Where a switch is reached: its control directory and the clients that come by it, opened in two halves, closed as one.
import { groupOption } from '../system/accounts.ts';
import type { Log } from '../system/log.ts';
import type { Reservations } from '../system/reservation.ts';
import { makeWay } from '../system/unix-listener.ts';
import { type ClientRules, Clients } from './clients.ts';
import { ControlDirectory, type DirectoryOptions } from './directory.ts';

export interface ListenOptions extends DirectoryOptions {
  /** Rights and group of port 0's data sockets; default those of the others. */
  portZeroMode?: number;
  portZeroGroup?: string;
  /** A descriptor that listens on `DIR/ctl` already, as systemd hands it over; its file and rights are left alone. */
  fd?: number;
  /** How long a client may take over its request; default 10 s. */
  requestTimeoutMs?: number;
}

export interface ControlInfo {
  /** Absolute. */
  directory: string;
  /** Rights of its `ctl` socket. */
  mode: number;
  /** Clients are answered, and wait no more. */
  served: boolean;
}

/** The second step opens it before it waits for anything. */
export type PrepareOther = () => Promise<(() => void | Promise<void>) | undefined>;

export class Control {
  readonly #reservations: Reservations;
  readonly #log: Log;
  readonly #options: ListenOptions;
  readonly #rules: ClientRules;
  #directory: ControlDirectory | undefined;
  #clients: Clients | undefined;
  #served = false;
  /** What close() waits for, that nothing opens behind it. */
  #underway: Promise<void> = Promise.resolve();

  /** Throws SwitchError EINVAL for a group that there is not. */
  constructor(reservations: Reservations, options: ListenOptions, log: Log) {
    this.#reservations = reservations;
    this.#log = log;
    this.#options = options;
    const { portZeroMode: mode, portZeroGroup, requestTimeoutMs = 10_000 } = options;
    const gid = groupOption(portZeroGroup);
    const portZero = { ...(mode === undefined ? {} : { mode }), ...(gid === undefined ? {} : { gid }) };
    this.#rules = { portZero, requestTimeoutMs };
  }

  /** Undefined until it is bound. */
  get info(): ControlInfo | undefined {
    return this.#directory && { directory: this.#directory.path, mode: this.#directory.mode, served: this.#served };
  }

  /**
   * Clients may connect, and wait. `prepareOther` comes before that, in a directory that is ours; what it returns is opened
   * with the control socket at once, so that who can connect to one can to the other. Throws a sentence. After that, close()
   * leaves everything as it was found.
   */
  bind(highestPort: number, prepareOther: PrepareOther): Promise<void> {
    return this.#step(async () => {
      const { fd } = this.#options;
      this.#directory = await ControlDirectory.open(this.#options, highestPort);
      if (fd === undefined) await makeWay(this.#directory.controlPath);
      const bindOther = await prepareOther();
      this.#clients = new Clients(this.#reservations, this.#directory, this.#rules, this.#log);
      this.#clients.bind(fd);
      await bindOther?.();
    });
  }

  /** Who waits is answered. */
  serve(): Promise<void> {
    return this.#step(async () => {
      await this.#clients?.serve();
      this.#served = true;
    });
  }

  /** Ends every client and removes what was made; a directory that was there before goes too where clients were served. */
  async close(): Promise<void> {
    await this.#underway.catch(() => {});
    await this.#clients?.close();
    if (this.#served) this.#directory?.remove();
    else this.#directory?.abandon();
  }

  #step(step: () => Promise<void>): Promise<void> {
    this.#underway = step();
    return this.#underway;
  }
}
