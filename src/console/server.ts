// The management socket, which serves any number of sessions. A session's level depends on the user that connected.
import { createServer, type Socket } from 'node:net';
import { groupOption } from '../system/accounts.ts';
import { LineLimit } from '../system/line-limit.ts';
import { descriptorOf } from '../system/native.ts';
import { bindAndGrant, makeWay, UnixListener } from '../system/unix-listener.ts';
import type { ConsoleContext } from './command.ts';
import { levelOfPeer } from './level.ts';
import { banner, PROMPT } from './reply.ts';
import { runSession } from './session.ts';

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
  readonly #sessions = new Set<Socket>();
  readonly #failures: LineLimit;
  #listener: UnixListener | undefined;

  constructor(context: ConsoleContext) {
    this.#context = context;
    this.#failures = new LineLimit(context.log, (count) => `mgmt accept failed ${count} more times meanwhile`);
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
    const server = createServer({ allowHalfOpen: true }, (session) => this.#accept(session));
    await this.#listener?.serve(server);
    server.on('error', (error) => this.#failures.say(`mgmt accept ${error.message}`));
  }

  /** Ends every session and removes the socket. */
  async close(): Promise<void> {
    const closed = this.#listener?.close();
    for (const session of this.#sessions) session.destroy();
    await closed;
    this.#failures.end();
  }

  #accept(session: Socket): void {
    this.#sessions.add(session);
    session.on('error', () => {}); // 'close' follows
    session.once('close', () => this.#sessions.delete(session));
    const level = levelOfPeer(descriptorOf(session), this.#context.level);
    session.write(banner(this.#context.version) + PROMPT.slice(1));
    runSession(this.#context, { kind: 'session', level, input: session, output: session, connection: session }).then(
      () => session.end(),
      () => session.destroy(), // the client disconnected during a read or a write
    );
  }
}
