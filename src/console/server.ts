// The management socket: any number of sessions, whoever may connect may do everything.
import { createServer, type Socket } from 'node:net';
import { groupOption } from '../system/accounts.ts';
import { bindAndGrant, makeWay, UnixListener } from '../system/unix-listener.ts';
import type { ConsoleContext } from './command.ts';
import { banner, PROMPT } from './reply.ts';
import { runSession } from './session.ts';

export interface ManagementOptions {
  path: string;
  /** Rights of the socket. */
  mode: number;
  /** Name of the group that it is given to. */
  group?: string;
  /** A descriptor that listens on the path already. */
  fd?: number;
}

export class ConsoleServer {
  readonly #context: ConsoleContext;
  readonly #sessions = new Set<Socket>();
  #listener: UnixListener | undefined;

  constructor(context: ConsoleContext) {
    this.#context = context;
  }

  /**
   * Sees to all that takes time. Throws a sentence; a live socket, and a file that is none, are left as they are. What it
   * returns is called at once: then sessions may connect, and wait.
   */
  async prepare({ path, mode, group, fd }: ManagementOptions): Promise<() => void> {
    const gid = groupOption(group);
    if (fd === undefined) await makeWay(path);
    return () => {
      this.#listener = fd === undefined ? bindAndGrant(path, { mode, gid }) : UnixListener.takeOver(path, fd);
    };
  }

  async serve(): Promise<void> {
    // One who has said all and waits for the answers has ended just their own side.
    const server = createServer({ allowHalfOpen: true }, (session) => this.#welcome(session));
    await this.#listener?.serve(server);
    server.on('error', (error) => this.#context.log(`mgmt accept ${error.message}`));
  }

  /** Ends every session and removes the socket. */
  async close(): Promise<void> {
    const closed = this.#listener?.close();
    for (const session of this.#sessions) session.destroy();
    await closed;
  }

  #welcome(session: Socket): void {
    this.#sessions.add(session);
    session.on('error', () => {}); // 'close' follows
    session.once('close', () => this.#sessions.delete(session));
    session.write(banner(this.#context.version) + PROMPT.slice(1));
    runSession(this.#context, { kind: 'session', input: session, output: session }).then(
      () => session.end(),
      () => session.destroy(), // it went while something was read from it or written to it
    );
  }
}
