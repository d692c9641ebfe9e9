// The management socket: any number of sessions, whoever may connect may do everything.
import { createServer, type Socket } from 'node:net';
import { findGroup } from '../accounts.ts';
import { SwitchError } from '../protocol/errors.ts';
import { listenAndGrant } from '../unix-listener.ts';
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
  // One who has said all and waits for the answers has ended just their own side.
  readonly #server = createServer({ allowHalfOpen: true }, (session) => this.#welcome(session));

  constructor(context: ConsoleContext) {
    this.#context = context;
  }

  /** Throws a sentence; a live socket, and a file that is none, are left as they are. */
  async listen({ path, mode, group, fd }: ManagementOptions): Promise<void> {
    const gid = group === undefined ? undefined : findGroup(group);
    if (group !== undefined && gid === undefined) throw new SwitchError('EINVAL', `No such group '${group}'`);
    await listenAndGrant(this.#server, path, { mode, gid }, fd);
    this.#server.on('error', (error) => this.#context.log(`mgmt accept ${error.message}`));
  }

  /** Ends every session and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
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
