// The control socket: a client asks, gets a port, and leaves when its stream ends.
// A stream carries one request and one reply and is silent from then on; whatever breaks that rule is refused, with a
// log line that says who and why.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { addressPath, formatAddress, type JoinRequest, parseRequest } from '../protocol/request.ts';
import { describeError } from '../system/errno.ts';
import { grantSocket, holdSocket, type OwnPath } from '../system/held-path.ts';
import { LineLimit } from '../system/line-limit.ts';
import { descriptorOf, native } from '../system/native.ts';
import { UnixListener } from '../system/unix-listener.ts';
import { openDataSocket } from './data-socket.ts';
import type { ControlDirectory } from './directory.ts';

/** What joining needs of the switch. */
export interface ClientHost {
  /** Picks the port, or throws why not. `undo` is for a client that then cannot be attached. */
  claim(wanted: JoinRequest['wanted'], uid: number): { port: number; undo(): void };
  /** Another one each time. */
  nextEndpointId(): number;
  attach(seat: Seat): void;
  /** Undoes `attach`; its end is not told to the seat. */
  detach(port: number, endpoint: number): void;
  log(message: string): void;
}

/** A client at its port. */
export interface Seat {
  port: number;
  endpoint: number;
  fd: number;
  uid: number;
  description: string;
  /** Ends everything of the client at once; idempotent. */
  end(): void;
}

export interface ClientRules {
  /** Rights and group of port 0's data sockets, where they are not as the others'. */
  portZero: { mode?: number; gid?: number };
  /** How long a client may take over its request. All known ones send it at once. */
  requestTimeoutMs: number;
}

export class Clients {
  readonly #host: ClientHost;
  readonly #directory: ControlDirectory;
  readonly #rules: ClientRules;
  readonly #streams = new Set<Socket>();
  readonly #joining = new Set<Promise<void>>();
  /** What ends each client that has a port. */
  readonly #leaves = new Set<() => void>();
  readonly #refusals: LineLimit;
  #listener: UnixListener | undefined;

  constructor(host: ClientHost, directory: ControlDirectory, rules: ClientRules) {
    this.#host = host;
    this.#directory = directory;
    this.#rules = rules;
    this.#refusals = new LineLimit(host.log, (count) => `refused ${count} more clients meanwhile`);
  }

  /** Clients may connect, and wait. `fd`: of a socket that listens on the control path already; else way has been made. */
  bind(fd?: number): void {
    const { controlPath } = this.#directory;
    this.#listener = fd === undefined ? UnixListener.bind(controlPath) : UnixListener.takeOver(controlPath, fd);
    this.#directory.removeLeftovers();
    if (fd === undefined) this.#directory.grant();
  }

  async serve(): Promise<void> {
    const server = createServer((stream) => this.#welcome(stream));
    await this.#listener?.serve(server);
    server.on('error', (error) => this.#host.log(`accept ${describeError(error)}`));
  }

  /** Ends every client; resolves when their files are gone. */
  async close(): Promise<void> {
    const closed = this.#listener?.close();
    for (const leave of this.#leaves) leave();
    for (const stream of this.#streams) stream.destroy();
    await closed;
    await Promise.all(this.#joining);
    this.#refusals.end();
  }

  #welcome(stream: Socket): void {
    this.#streams.add(stream);
    let message = Buffer.alloc(0);
    const refuse = (reason: string) => {
      this.#refusals.say(`refused a client (${peer(stream)}): ${reason}`);
      stream.destroy();
    };
    const { requestTimeoutMs } = this.#rules;
    const silence = setTimeout(
      () => refuse(`it sent no whole request in ${requestTimeoutMs / 1000} s`),
      requestTimeoutMs,
    );
    stream.on('error', () => {}); // 'close' follows, and says all that matters
    stream.once('close', () => {
      clearTimeout(silence);
      this.#streams.delete(stream);
    });
    const read = (chunk: Buffer) => {
      message = Buffer.concat([message, chunk]);
      const parsed = parseRequest(message);
      if (parsed.outcome === 'incomplete') return;
      clearTimeout(silence);
      stream.off('data', read);
      if (parsed.outcome === 'refused') return refuse(parsed.reason);
      stream.once('data', () => refuse('it sent more after its request: a control connection carries just one'));
      const joining = this.#join(stream, parsed.request).catch((error) => refuse(refusal(error, parsed.request)));
      this.#joining.add(joining);
      void joining.finally(() => this.#joining.delete(joining));
    };
    stream.on('data', read);
  }

  async #join(stream: Socket, request: JoinRequest): Promise<void> {
    const { uid } = native.peerCredentials(descriptorOf(stream));
    const own = await holdOwnSocket(request.address, uid);
    try {
      if (!stream.destroyed) this.#seat(stream, request, uid, own ? formatAddress(own.name) : request.address);
    } finally {
      await own?.file.close();
    }
  }

  /** From the claim to the reply without a pause: two clients never race for a number or a name, and an end is never missed. */
  #seat(stream: Socket, request: JoinRequest, uid: number, address: Buffer): void {
    const { port, undo } = this.#host.claim(request.wanted, uid);
    let leave = () => {};
    try {
      const pathOf = (id: number) => this.#directory.dataPath(port, id);
      const { endpoint, fd, file } = openDataSocket(this.#host.nextEndpointId, pathOf, address);
      leave = this.#leaver(stream, file, port, endpoint);
      const end = () => {
        leave();
        stream.destroy();
      };
      this.#host.attach({ port, endpoint, fd, uid, description: request.description, end });
      if (stream.destroyed) return; // who was told of it has ended it already
      this.#grant(file.path, port, uid);
      stream.write(formatAddress(file.path));
    } catch (error) {
      leave();
      undo();
      throw error;
    }
  }

  /** The one way out: by the end of the stream, by order, or by a failure. What is in the way of it is said, and ends nothing. */
  #leaver(stream: Socket, file: OwnPath, port: number, endpoint: number): () => void {
    const leave = () => {
      if (!this.#leaves.delete(leave)) return;
      try {
        file.unlink(); // before the number is free, and the name with it
      } catch (error) {
        this.#host.log(describeLeftover(error, file.path));
      }
      this.#host.detach(port, endpoint);
    };
    this.#leaves.add(leave);
    stream.once('close', leave);
    return leave;
  }

  /** A root switch gives the data socket to its user; any other can only open it as wide as ctl. */
  #grant(path: string, port: number, uid: number): void {
    const portZero = port === 0 ? this.#rules.portZero : {};
    const root = process.geteuid?.() === 0;
    const mode = (portZero.mode ?? this.#directory.mode) & (root && portZero.mode === undefined ? 0o700 : 0o777);
    try {
      grantSocket(path, { mode, uid: root ? uid : undefined, gid: portZero.gid ?? this.#directory.gid });
    } catch (error) {
      throw new SwitchError('EIO', `our own, '${path}', cannot be given its rights: ${describeError(error)}`);
    }
  }
}

/**
 * A client names the socket we are to send to. It must be one that we may write to, and its own: else a client could make
 * a root switch send frames into anybody's socket. Undefined for an abstract one, which has no owner.
 */
async function holdOwnSocket(address: Buffer, uid: number) {
  const path = addressPath(address);
  if (path === undefined) return undefined;
  const held = await holdSocket(path);
  try {
    await access(held.name, constants.R_OK | constants.W_OK);
    const { uid: owner } = await held.file.stat();
    if (uid !== 0 && owner !== uid) throw new SwitchError('EACCES', `its data socket belongs to uid ${owner}`);
    return held;
  } catch (error) {
    await held.file.close();
    throw error;
  }
}

function refusal(error: unknown, request: JoinRequest): string {
  const path = addressPath(request.address);
  const socket =
    path === undefined ? 'with an abstract data socket' : `with the data socket ${JSON.stringify(path.toString())}`;
  const { code, message } = error as NodeJS.ErrnoException;
  return error instanceof SwitchError ? `${socket}: ${message}` : `${socket}: ${code}: ${describeError(error)}`;
}

function describeLeftover(error: unknown, path: string): string {
  return error instanceof SwitchError ? error.message : `cannot remove '${path}': ${describeError(error)}`;
}

function peer(stream: Socket): string {
  try {
    const { pid, uid } = native.peerCredentials(descriptorOf(stream));
    return `pid ${pid}, uid ${uid}`;
  } catch {
    return 'gone already';
  }
}
