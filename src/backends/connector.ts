// An outgoing connection of `stream`, `socket` or `vhost-user`. When the connection is lost, its port stays reserved
// and the connector connects again.
import { SwitchError } from '../protocol/errors.ts';
import { BackOff } from '../system/back-off.ts';
import type { Transport } from '../system/engine.ts';
import { describeError } from '../system/errno.ts';
import { native } from '../system/native.ts';
import type { Reservation } from '../system/reservation.ts';
import { dial } from './dial.ts';
import { firstAnswer } from './first-answer.ts';
import type { AttachmentStats, Backend, Host } from './kind.ts';
import { asStream, formatStreamAddress, type StreamAddress } from './stream-address.ts';

export interface ConnectorOptions {
  /** The delay before the first new attempt, in milliseconds. With 0, a lost connection ends the attachment. */
  reconnectMs: number;
  /** The longest delay, in milliseconds; the default is 30 seconds. */
  mostMs?: number;
  /** Returns the transport for the connected descriptor; the default is a stream. */
  transport?: (fd: number) => Transport;
}

export class Connector implements Backend {
  readonly #host: Host;
  readonly #address: StreamAddress;
  readonly #reconnectMs: number;
  readonly #transport: (fd: number) => Transport;
  readonly #reservation: Reservation;
  readonly #backOff: BackOff;
  /** Whether the present failure has been logged. A failure is logged once, not at each attempt. */
  #logged = false;
  #timer: NodeJS.Timeout | undefined;
  #connected = false;
  #connections = 0;

  private constructor(
    host: Host,
    address: StreamAddress,
    { reconnectMs, mostMs, transport = asStream }: ConnectorOptions,
  ) {
    this.#host = host;
    this.#address = address;
    this.#reconnectMs = reconnectMs;
    this.#transport = transport;
    this.#backOff = new BackOff(reconnectMs, mostMs);
    this.#reservation = host.reserve();
  }

  /**
   * Opens the connection. If the first attempt fails, keeps trying or, with `reconnectMs` 0, throws SwitchError. Throws
   * SwitchError EINVAL for TCP port 0, which nothing can listen on.
   */
  static async open(host: Host, address: StreamAddress, options: ConnectorOptions): Promise<Connector> {
    if (address.type === 'inet' && address.port === 0)
      throw new SwitchError(
        'EINVAL',
        `cannot connect to ${formatStreamAddress(address)}: give the port that the peer listens on`,
      );
    const connector = new Connector(host, address, options);
    if (options.reconnectMs > 0) {
      await firstAnswer(connector.#start());
      return connector;
    }
    const failure = await connector.#connect();
    if (failure !== undefined) throw new SwitchError('EIO', failure);
    return connector;
  }

  stats(): AttachmentStats {
    return { connections: this.#connected ? 1 : 0, reconnects: Math.max(0, this.#connections - 1) };
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#reservation.release();
  }

  async #start(): Promise<void> {
    const failure = await this.#connect();
    if (failure !== undefined) this.#tryAgain(failure);
  }

  /** Returns the reason for a failure; undefined once connected, or if the attachment has been closed meanwhile. */
  async #connect(): Promise<string | undefined> {
    const name = formatStreamAddress(this.#address);
    try {
      const fd = await dial(this.#address, this.#host.signal);
      if (this.#host.signal.aborted) {
        native.closeDescriptor(fd);
        return undefined;
      }
      this.#reservation.attach({
        transport: this.#transport(fd),
        description: name,
        ended: (why) => this.#lost(why),
      });
    } catch (error) {
      return error instanceof SwitchError ? error.message : `cannot connect to ${name}: ${describeError(error)}`;
    }
    this.#connected = true;
    this.#connections++;
    this.#backOff.made(performance.now());
    this.#logged = false;
    this.#host.log(`port ${this.#reservation.port}: connected to ${name}`, 'info', {
      port: this.#reservation.port,
      address: name,
    });
    return undefined;
  }

  #lost(why: string): void {
    this.#connected = false;
    const message = `port ${this.#reservation.port}: the connection to ${formatStreamAddress(this.#address)} has ended: ${why}`;
    if (this.#reconnectMs > 0) {
      this.#tryAgain(message);
    } else {
      this.#host.log(message, 'warning', { port: this.#reservation.port, reason: why });
      this.#host.end();
    }
  }

  #tryAgain(why: string): void {
    if (this.#host.signal.aborted) return;
    if (!this.#logged) {
      this.#host.log(`${why}; trying again`, 'warning', { port: this.#reservation.port, reason: why });
      this.#host.reconnecting(why);
    }
    this.#logged = true;
    this.#timer = setTimeout(() => void this.#start(), this.#backOff.failed(performance.now()));
  }
}
