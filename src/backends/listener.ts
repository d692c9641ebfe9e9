// A listening attachment: each client that connects gets a port of the switch for as long as it is connected. If the
// host is a name, the attachment listens on each of the name's addresses.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import type { Transport } from '../system/engine.ts';
import { describeError } from '../system/errno.ts';
import { descriptorOf, native } from '../system/native.ts';
import type { Reservation } from '../system/reservation.ts';
import { type ListenAddress, listenAddressesOf, listenOnAll } from '../system/tcp-listener.ts';
import { listenAndGrant, listenOn } from '../system/unix-listener.ts';
import { formatHostPort, resolveHosts } from './internet.ts';
import type { AttachmentStats, Backend, Host } from './kind.ts';
import { attempt, refusal } from './refusal.ts';
import { asStream, formatStreamAddress, type StreamAddress, takeDescriptor } from './stream-address.ts';

export interface ListenerOptions {
  maxClients: number;
  /** Permissions of a unix socket's file. */
  permissions: { mode: number; gid?: number | undefined };
  /** Returns the transport for a client's descriptor; the default is a stream. */
  transport?: (fd: number) => Transport;
}

export class Listener implements Backend {
  readonly #host: Host;
  readonly #address: StreamAddress;
  readonly #options: ListenerOptions;
  #servers: Server[] = [];
  readonly #clients = new Set<Reservation>();
  #refused = 0;
  #refusing = false;

  private constructor(host: Host, address: StreamAddress, options: ListenerOptions) {
    this.#host = host;
    this.#address = address;
    this.#options = options;
  }

  /** Listens on an address. Throws SwitchError, which names the address. */
  static async open(host: Host, address: StreamAddress, options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(host, address, options);
    await listener.#listen();
    return listener;
  }

  addresses(): string[] {
    return this.#servers.map((server) => {
      const bound = server.address() as AddressInfo | string | null;
      return bound && typeof bound === 'object'
        ? formatHostPort(bound.address, bound.port)
        : formatStreamAddress(this.#address);
    });
  }

  stats(): AttachmentStats {
    return { connections: this.#clients.size, refused: this.#refused };
  }

  async close(): Promise<void> {
    for (const reservation of this.#clients) reservation.release();
    this.#clients.clear();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #listen(): Promise<void> {
    this.#servers = await this.#open();
    for (const server of this.#servers)
      server.on('error', (error) => this.#host.log(`accept: ${describeError(error)}`, 'warning'));
    const address = this.addresses().join(' and ');
    this.#host.log(`listening on ${address}`, 'info', { address });
  }

  async #open(): Promise<Server[]> {
    const address = this.#address;
    const create = () => createServer({ pauseOnConnect: true }, (socket) => this.#welcome(socket));
    const name = formatStreamAddress(address);
    if (address.type === 'inet') {
      const addresses = await listenAddressesFor(address, this.#host.signal);
      return listenOnAll(create, addresses, address.port).catch((error) => {
        throw refusal(`listen on ${name}`, error);
      });
    }
    const server = create();
    if (address.type === 'unix') await listenAndGrant(server, address.path, this.#options.permissions);
    else
      await listenOn(
        server,
        attempt(`listen on ${name}`, () => native.listenUnix(address.name)),
        name,
      );
    return [server];
  }

  #welcome(socket: Socket): void {
    socket.on('error', () => {}); // the engine notices the end of the stream by itself
    try {
      this.#connect(socket);
      this.#refusing = false;
    } catch (error) {
      this.#refuse(socket, error instanceof SwitchError ? error.message : describeError(error));
    }
  }

  #connect(socket: Socket): void {
    const { maxClients, transport = asStream } = this.#options;
    if (this.#clients.size >= maxClients) throw new SwitchError('ENOSPC', `there are already ${maxClients} clients`);
    const description = describePeer(socket);
    const reservation = this.#host.reserve({ atMost: maxClients });
    this.#clients.add(reservation);
    try {
      const keepAlive = this.#address.type === 'inet' && this.#address.keepAlive;
      reservation.attach({
        transport: transport(takeDescriptor(socket, keepAlive)),
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
    this.#host.log(`port ${reservation.port}: ${description} disconnected: ${why}`, 'info', {
      port: reservation.port,
      description,
      reason: why,
    });
  }

  /** Refuses a client. Only the first of a series of refusals is logged, since a client may retry for ever. */
  #refuse(socket: Socket, why: string): void {
    this.#refused++;
    socket.destroy();
    if (!this.#refusing) this.#host.log(`clients are refused: ${why}`, 'warning', { reason: why });
    this.#refusing = true;
  }
}

/** Returns the addresses to listen on: those of the host or, without a host, every address of the wanted families. */
async function listenAddressesFor(
  { host, family }: StreamAddress & { type: 'inet' },
  signal: AbortSignal,
): Promise<readonly ListenAddress[]> {
  if (host !== '') return listenAddressesOf(await resolveHosts(host, family, signal));
  return [family === 0 ? {} : { host: family === 4 ? '0.0.0.0' : '::', ipv6Only: family === 6 }];
}

function describePeer(socket: Socket): string {
  if (socket.remoteAddress !== undefined) return formatHostPort(socket.remoteAddress, socket.remotePort ?? 0);
  const { pid, uid } = native.peerCredentials(descriptorOf(socket));
  return `pid ${pid}, uid ${uid}`;
}
