// A listening stream socket: each client has a port of the switch while it is connected.
import { createServer, type Server, type Socket } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { describeError } from '../system/errno.ts';
import { descriptorOf, native } from '../system/native.ts';
import type { Reservation } from '../system/reservation.ts';
import { listenAndGrant } from '../system/unix-listener.ts';
import { attempt, refusal } from './attempt.ts';
import { formatHostPort, resolveHost } from './internet.ts';
import type { AttachmentStats, Backend, Host } from './kind.ts';
import { formatStreamAddress, type StreamAddress, takeDescriptor } from './stream-address.ts';

export interface ListenerOptions {
  maxClients: number;
  /** Permissions of a unix socket's file. */
  permissions: { mode: number; gid?: number | undefined };
}

export class Listener implements Backend {
  readonly #host: Host;
  readonly #address: StreamAddress;
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #clients = new Set<Reservation>();
  #refused = 0;
  #refusing = false;

  private constructor(host: Host, address: StreamAddress, options: ListenerOptions) {
    this.#host = host;
    this.#address = address;
    this.#options = options;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#welcome(socket));
  }

  /** Throws SwitchError, which names the address. */
  static async open(host: Host, address: StreamAddress, options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(host, address, options);
    await listener.#listen();
    return listener;
  }

  stats(): AttachmentStats {
    return { connections: this.#clients.size, refused: this.#refused };
  }

  async close(): Promise<void> {
    for (const reservation of this.#clients) reservation.release();
    this.#clients.clear();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async #listen(): Promise<void> {
    const address = this.#address;
    if (address.type === 'unix') await listenAndGrant(this.#server, address.path, this.#options.permissions);
    else await listenBare(this.#server, address, this.#host.signal);
    this.#server.on('error', (error) => this.#host.log(`accept: ${describeError(error)}`, 'warning'));
    const bound = this.#server.address();
    const where =
      bound && typeof bound === 'object' ? formatHostPort(bound.address, bound.port) : formatStreamAddress(address);
    this.#host.log(`listening on ${where}`);
  }

  #welcome(socket: Socket): void {
    socket.on('error', () => {}); // the engine notices the end of the stream too
    try {
      this.#connect(socket);
      this.#refusing = false;
    } catch (error) {
      this.#refuse(socket, error instanceof SwitchError ? error.message : describeError(error));
    }
  }

  #connect(socket: Socket): void {
    const { maxClients } = this.#options;
    if (this.#clients.size >= maxClients) throw new SwitchError('ENOSPC', `there are already ${maxClients} clients`);
    const description = describePeer(socket);
    const reservation = this.#host.reserve({ atMost: maxClients });
    this.#clients.add(reservation);
    try {
      const keepAlive = this.#address.type === 'inet' && this.#address.keepAlive;
      reservation.attach({
        transport: { kind: 'stream', fd: takeDescriptor(socket, keepAlive) },
        description,
        ended: (why) => this.#disconnected(reservation, description, why),
      });
    } catch (error) {
      this.#clients.delete(reservation);
      reservation.release();
      throw error;
    }
  }

  #disconnected(reservation: Reservation, description: string, why: string): void {
    this.#clients.delete(reservation);
    reservation.release();
    this.#host.log(`port ${reservation.port}: ${description} disconnected: ${why}`);
  }

  /** Logs the first of a series of refusals: a client may retry for ever. */
  #refuse(socket: Socket, why: string): void {
    this.#refused++;
    socket.destroy();
    if (!this.#refusing) this.#host.log(`clients are refused: ${why}`, 'warning');
    this.#refusing = true;
  }
}

async function listenBare(
  server: Server,
  address: Exclude<StreamAddress, { type: 'unix' }>,
  signal: AbortSignal,
): Promise<void> {
  const name = formatStreamAddress(address);
  const where =
    address.type === 'inet'
      ? { port: address.port, ...(await localHost(address, signal)) }
      : { fd: attempt(`listen on ${name}`, () => native.listenUnix(address.name)) };
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(refusal(`listen on ${name}`, error)));
    server.listen(where, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

/** Without a host, every address of the families wanted. */
async function localHost({ host, family }: StreamAddress & { type: 'inet' }, signal: AbortSignal): Promise<object> {
  if (host !== '') return { host: await resolveHost(host, family, signal) };
  return family === 0 ? {} : { host: family === 4 ? '0.0.0.0' : '::', ipv6Only: family === 6 };
}

function describePeer(socket: Socket): string {
  if (socket.remoteAddress !== undefined) return formatHostPort(socket.remoteAddress, socket.remotePort ?? 0);
  const { pid, uid } = native.peerCredentials(descriptorOf(socket));
  return `pid ${pid}, uid ${uid}`;
}
