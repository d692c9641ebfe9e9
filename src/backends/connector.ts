// A stream that we connect, and connect again when it is lost: its port stays held meanwhile.
import { Socket } from 'node:net';
import { describeError } from '../errno.ts';
import { native } from '../native.ts';
import { SwitchError } from '../protocol/errors.ts';
import { BackOff } from './back-off.ts';
import { resolveHost } from './internet.ts';
import type { Backend, BackendHost, BackendStats, Place } from './kind.ts';
import { formatStreamAddress, type StreamAddress, takeDescriptor } from './stream-address.ts';

export class Connector implements Backend {
  readonly #host: BackendHost;
  readonly #address: StreamAddress;
  /** 0: just once. */
  readonly #reconnectMs: number;
  readonly #place: Place;
  readonly #backOff: BackOff;
  /** That it tries again is said once a loss. */
  #said = false;
  #timer: NodeJS.Timeout | undefined;
  #socket: Socket | undefined;
  #connected = false;
  #connections = 0;
  #closed = false;

  private constructor(host: BackendHost, address: StreamAddress, reconnectMs: number) {
    this.#host = host;
    this.#address = address;
    this.#reconnectMs = reconnectMs;
    this.#backOff = new BackOff(reconnectMs);
    this.#place = host.claim();
  }

  /** Where it is to connect again, the first failure is no reason to throw. */
  static async open(host: BackendHost, address: StreamAddress, reconnectMs: number): Promise<Connector> {
    const connector = new Connector(host, address, reconnectMs);
    const failure = await connector.#connect();
    if (failure !== undefined && reconnectMs === 0) throw new SwitchError('EIO', failure);
    if (failure !== undefined) connector.#tryAgain(failure);
    return connector;
  }

  stats(): BackendStats {
    return { connections: this.#connected ? 1 : 0, reconnects: Math.max(0, this.#connections - 1) };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#place.release();
  }

  /** Returns why it could not. */
  async #connect(): Promise<string | undefined> {
    const name = formatStreamAddress(this.#address);
    try {
      const fd = await this.#open();
      if (this.#closed) {
        native.closeDescriptor(fd);
        return undefined;
      }
      this.#place.attach({
        transport: { kind: 'stream', fd },
        description: name,
        ended: (why) => this.#lost(why),
      });
    } catch (error) {
      return error instanceof SwitchError ? error.message : `cannot connect to ${name}: ${describeError(error)}`;
    }
    this.#connected = true;
    this.#connections++;
    this.#backOff.made(performance.now());
    this.#said = false;
    this.#host.log(`port ${this.#place.port}: connected to ${name}`);
    return undefined;
  }

  async #open(): Promise<number> {
    const address = this.#address;
    if (address.type === 'abstract') return native.connectAbstract(address.name);
    const where =
      address.type === 'unix'
        ? { path: address.path }
        : { port: address.port, host: await resolveHost(address.host || 'localhost', address.family) };
    const keepAlive = address.type === 'inet' && address.keepAlive;
    return new Promise((resolve, reject) => {
      // Paused before it is connected: not a byte is read here.
      const socket = new Socket().pause();
      this.#socket = socket;
      socket.once('error', reject);
      socket.once('close', () => reject(new SwitchError('EIO', 'closed')));
      socket.connect(where, () => resolve(takeDescriptor(socket, keepAlive)));
    });
  }

  #lost(why: string): void {
    this.#connected = false;
    const message = `port ${this.#place.port}: the connection to ${formatStreamAddress(this.#address)} has ended: ${why}`;
    if (this.#reconnectMs > 0) {
      this.#tryAgain(message);
    } else {
      this.#host.log(message, 'warning');
      this.#host.end();
    }
  }

  #tryAgain(why: string): void {
    if (this.#closed) return;
    if (!this.#said) this.#host.log(`${why}; trying again`, 'warning');
    this.#said = true;
    this.#timer = setTimeout(async () => {
      const failure = await this.#connect();
      if (failure !== undefined) this.#tryAgain(failure);
    }, this.#backOff.failed(performance.now()));
  }
}
