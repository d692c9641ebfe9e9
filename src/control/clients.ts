// The clients of a control socket. A client connects, sends one request, gets one reply that names its port's data
// socket, and keeps the connection open for as long as it uses the port. A client that does anything else is refused,
// with a log line that says why.
import { createServer, type Socket } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { addressPath, formatAddress, type JoinRequest, parseRequest } from '../protocol/request.ts';
import { describeError } from '../system/errno.ts';
import { grantSocket, holdSocket, type OwnPath } from '../system/held-path.ts';
import { LineLimit } from '../system/line-limit.ts';
import type { Log, LogFields } from '../system/log.ts';
import { CAPABILITIES, descriptorOf, native } from '../system/native.ts';
import type { Reservation, Reservations } from '../system/reservation.ts';
import { UnixListener } from '../system/unix-listener.ts';
import { type DataFile, openDataSocket } from './data-socket.ts';
import type { ControlDirectory } from './directory.ts';
import { type UserLimits, UserQuotas } from './quotas.ts';

export interface ClientRules {
  /** Permissions and group of port 0's data sockets, where they differ from those of other data sockets. */
  portZero: { mode?: number; gid?: number };
  /** How long a client may take to send its request, in milliseconds. All known clients send it at once. */
  requestTimeoutMs: number;
  /** What the clients of one user may use. */
  userLimits: UserLimits;
}

export class Clients {
  readonly #reservations: Reservations;
  readonly #directory: ControlDirectory;
  readonly #rules: ClientRules;
  readonly #warn: (message: string, fields?: LogFields) => void;
  readonly #quotas: UserQuotas;
  readonly #streams = new Set<Socket>();
  readonly #joining = new Set<Promise<void>>();
  /** For each client that has a port, the function that disconnects the client. */
  readonly #disconnects = new Set<() => void>();
  readonly #refusals: LineLimit;
  /** The log lines, other than refusals, that clients can cause. */
  readonly #others: LineLimit;
  #listener: UnixListener | undefined;

  constructor(reservations: Reservations, directory: ControlDirectory, rules: ClientRules, log: Log) {
    this.#reservations = reservations;
    this.#directory = directory;
    this.#rules = rules;
    this.#quotas = new UserQuotas(rules.userLimits);
    this.#warn = (message, fields) => log(message, 'warning', fields);
    const warn: Log = (message, _, fields) => this.#warn(message, fields);
    this.#others = new LineLimit(warn, (count) => `${count} more lines about clients meanwhile`);
    this.#refusals = new LineLimit(warn, (count) => `refused ${count} more clients meanwhile`);
  }

  /**
   * Lets clients connect; they wait until serve(). `fd` is a descriptor that already listens on the control path.
   * Without `fd`, call makeWay() for the path first.
   */
  bind(fd?: number): void {
    const { controlPath } = this.#directory;
    this.#listener =
      fd === undefined
        ? UnixListener.bind(controlPath, this.#directory.heldControlPath)
        : UnixListener.takeOver(controlPath, fd);
    this.#directory.removeLeftovers();
    if (fd === undefined) this.#directory.grant();
  }

  async serve(): Promise<void> {
    const server = createServer((stream) => this.#welcome(stream));
    await this.#listener?.serve(server);
    server.on('error', (error) => this.#others.say(`accept ${describeError(error)}`));
  }

  /** Disconnects every client. Resolves when the files of all data sockets have been removed. */
  async close(): Promise<void> {
    const closed = this.#listener?.close();
    for (const disconnect of this.#disconnects) disconnect();
    for (const stream of this.#streams) stream.destroy();
    await closed;
    await Promise.all(this.#joining);
    this.#refusals.end();
    this.#others.end();
  }

  #welcome(stream: Socket): void {
    stream.on('error', () => {}); // 'close' follows
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    try {
      const { uid } = native.peerCredentials(descriptorOf(stream));
      this.#awaitRequest(stream, uid, this.#quotas.begin(uid));
    } catch (error) {
      this.#refuse(stream, (error as Error).message);
    }
  }

  #refuse(stream: Socket, reason: string): void {
    const { pid, uid } = peerOf(stream);
    const peer = uid === undefined ? 'already disconnected' : `pid ${pid}, uid ${uid}`;
    this.#refusals.say(`refused a client (${peer}): ${reason}`, 'warning', { pid, uid, reason });
    stream.destroy();
  }

  /** Reads the request, and lets the client join. `begun` is called when the request is whole, or will never be. */
  #awaitRequest(stream: Socket, uid: number, begun: () => void): void {
    let message = Buffer.alloc(0);
    const refuse = (reason: string) => this.#refuse(stream, reason);
    const { requestTimeoutMs } = this.#rules;
    const silence = setTimeout(
      () => refuse(`it sent no whole request in ${requestTimeoutMs / 1000} s`),
      requestTimeoutMs,
    );
    const whole = () => {
      clearTimeout(silence);
      begun();
    };
    stream.once('close', whole);
    const read = (chunk: Buffer) => {
      message = Buffer.concat([message, chunk]);
      const parsed = parseRequest(message);
      if (parsed.outcome === 'incomplete') return;
      whole();
      stream.off('data', read);
      if (parsed.outcome === 'refused') return refuse(parsed.reason);
      stream.once('data', () => refuse('it sent more after its request: a control connection carries just one'));
      const joining = this.#join(stream, parsed.request, uid).catch((error) => refuse(refusal(error, parsed.request)));
      this.#joining.add(joining);
      void joining.finally(() => this.#joining.delete(joining));
    };
    stream.on('data', read);
  }

  async #join(stream: Socket, request: JoinRequest, uid: number): Promise<void> {
    const joined = this.#quotas.join(uid, performance.now());
    stream.once('close', joined);
    const own = await holdOwnSocket(request.address, uid);
    try {
      if (!stream.destroyed) this.#connect(stream, request, uid, own ? formatAddress(own.name) : request.address);
    } finally {
      await own?.file.close();
    }
  }

  /**
   * Gives a client its port. Everything from the reservation to the reply is synchronous, so that two clients never
   * race for a port or a file name, and no disconnection is missed.
   */
  #connect(stream: Socket, { wanted, description }: JoinRequest, uid: number, address: Buffer): void {
    const reservation = this.#reservations.forClient(wanted, uid);
    const { port } = reservation;
    let disconnect = () => {};
    try {
      const {
        endpoint: id,
        fd,
        file,
      } = openDataSocket(
        () => this.#reservations.nextEndpointId(),
        (id) => this.#directory.dataFile(port, id),
        address,
      );
      disconnect = this.#disconnector(stream, file, reservation);
      const ended = () => {
        disconnect();
        stream.destroy();
      };
      const transport = { kind: 'datagram', fd, smallBuffer: this.#quotas.getsSmallBuffer(uid) } as const;
      reservation.attach({ id, transport, description, ended });
      if (stream.destroyed) return; // an event listener of the switch has already closed the endpoint
      this.#grant(this.#directory.dataFile(port, id), port, uid);
      stream.write(formatAddress(file.path));
    } catch (error) {
      disconnect();
      reservation.cancel();
      throw error;
    }
  }

  /**
   * Returns the function that disconnects this client; the end of the client's stream calls it too. A file that cannot
   * be removed is logged.
   */
  #disconnector(stream: Socket, file: OwnPath, reservation: Reservation): () => void {
    const disconnect = () => {
      if (!this.#disconnects.delete(disconnect)) return;
      try {
        file.unlink(); // before release(), which frees the endpoint's ID and with it the file name
      } catch (error) {
        this.#others.say(describeLeftover(error, file.path), 'warning', {
          path: file.path,
          reason: describeError(error),
        });
      }
      reservation.release();
    };
    this.#disconnects.add(disconnect);
    stream.once('close', disconnect);
    return disconnect;
  }

  /**
   * Grants access to a data socket. A switch that may give files away, such as one that root started, gives the socket
   * to the client's user; any other switch can only make the socket as accessible as `ctl`.
   */
  #grant({ path, held }: DataFile, port: number, uid: number): void {
    const portZero = port === 0 ? this.#rules.portZero : {};
    const givesAway = native.hasCapability(CAPABILITIES.CHOWN);
    const mode = (portZero.mode ?? this.#directory.mode) & (givesAway && portZero.mode === undefined ? 0o700 : 0o777);
    try {
      grantSocket(path, { mode, uid: givesAway ? uid : undefined, gid: portZero.gid ?? this.#directory.gid }, held);
    } catch (error) {
      throw new SwitchError('EIO', `cannot set the permissions of our own socket '${path}': ${describeError(error)}`);
    }
  }
}

/**
 * Opens the socket that a client names as its own. We must be allowed to read and write the socket. Unless the client
 * is root, the socket must also belong to the client's user: otherwise a client could make a switch that runs as root
 * send frames to anybody's socket. Returns undefined for an abstract or unnamed address, which has no owner.
 */
async function holdOwnSocket(address: Buffer, uid: number) {
  const path = addressPath(address);
  if (path === undefined) return undefined;
  const held = await holdSocket(path);
  try {
    native.checkReadWrite(held.name);
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

/** Returns the process and user of a client; nothing if the client has already disconnected. */
function peerOf(stream: Socket): { pid?: number; uid?: number } {
  try {
    const { pid, uid } = native.peerCredentials(descriptorOf(stream));
    return { pid, uid };
  } catch {
    return {};
  }
}
