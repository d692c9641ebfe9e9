// The management socket. A session's level depends on the user that connected, and each user may have so many sessions.
import { createServer, type Socket } from 'node:net';
import { groupOption, isOwner } from '../system/accounts.ts';
import { LineLimit } from '../system/line-limit.ts';
import { descriptorOf } from '../system/native.ts';
import { bindAndGrant, makeWay, UnixListener } from '../system/unix-listener.ts';
import { UserCounts } from '../system/user-counts.ts';
import type { ConsoleContext } from './command.ts';
import { userOfPeer } from './level.ts';
import { greeting } from './reply.ts';
import { runSession } from './session.ts';

/** The most sessions at a time of a user who is neither root nor the switch's own. */
const SESSIONS_PER_USER = 128;

export interface ManagementOptions {
  path: string;
  /** Permissions of the socket. */
  mode: number;
  /** The name of the group that the socket belongs to. */
  group?: string;
  /** A descriptor that already listens on the path. */
  fd?: number;
}

export class ConsoleServer {
  readonly #context: ConsoleContext;
  readonly #connections = new Set<Socket>();
  /** The sessions of the users who are bound by SESSIONS_PER_USER. */
  readonly #sessions = new UserCounts();
  readonly #failures: LineLimit;
  readonly #refusals: LineLimit;
  #listener: UnixListener | undefined;

  constructor(context: ConsoleContext) {
    this.#context = context;
    this.#failures = new LineLimit(context.log, (count) => `mgmt accept failed ${count} more times meanwhile`);
    this.#refusals = new LineLimit(context.log, (count) => `refused ${count} more console sessions meanwhile`);
  }

  /**
   * Looks up the group and removes a stale socket file. Throws SwitchError, and leaves the file unchanged, if a live
   * socket or another kind of file has the path. Returns a function that binds the socket. Once the socket is bound,
   * clients may connect, but wait for serve().
   */
  async prepare({ path, mode, group, fd }: ManagementOptions): Promise<() => void> {
    const gid = groupOption(group);
    if (fd === undefined) await makeWay(path);
    return () => {
      this.#listener = fd === undefined ? bindAndGrant(path, { mode, gid }) : UnixListener.takeOver(path, fd);
    };
  }

  async serve(): Promise<void> {
    // A client that has shut down its sending side may still wait for replies.
    const server = createServer({ allowHalfOpen: true }, (connection) => this.#accept(connection));
    await this.#listener?.serve(server);
    server.on('error', (error) => this.#failures.say(`mgmt accept ${error.message}`));
  }

  /** Ends every session and removes the socket. */
  async close(): Promise<void> {
    const closed = this.#listener?.close();
    for (const connection of this.#connections) connection.destroy();
    await closed;
    this.#failures.end();
    this.#refusals.end();
  }

  #accept(connection: Socket): void {
    connection.on('error', () => {}); // 'close' follows
    const uid = userOfPeer(descriptorOf(connection));
    if (!isOwner(uid) && !this.#count(uid, connection)) return;
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    const level = isOwner(uid) ? 'full' : this.#context.level;
    connection.write(greeting(this.#context.version));
    runSession(this.#context, { kind: 'session', level, input: connection, output: connection, connection }).then(
      () => connection.end(),
      () => connection.destroy(), // the client disconnected during a read or a write
    );
  }

  /** Counts a session of its user until it is closed. Refuses it, and returns false, if the user has too many. */
  #count(uid: number | undefined, connection: Socket): boolean {
    const others = this.#sessions.of(uid);
    if (others >= SESSIONS_PER_USER) {
      this.#refusals.say(`refused a console session: uid ${uid} has ${others}, as many as a user may have`, 'warning');
      connection.destroy();
      return false;
    }
    connection.once('close', this.#sessions.add(uid));
    return true;
  }
}
