// Limits the connections of HTTP servers without shutting anybody out: a new connection beyond the limit takes the slot
// of the connection that has been idle longest, so that connections that ask nothing cannot keep others from asking.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class Slots {
  readonly #max: number;
  /** Connections with no response in progress; those that became idle first come first. */
  readonly #idle = new Set<Socket>();
  /** Connections with a response in progress. */
  readonly #busy = new Set<Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Applies the limit to a server's connections, together with those of other servers. */
  watch(server: Server): void {
    server.on('connection', (socket) => this.#take(socket));
    server.on('request', (request, response) => this.#answer(request, response));
  }

  /** Whether a response to an earlier request of this connection is in progress. */
  isBusy(socket: Socket): boolean {
    return this.#busy.has(socket);
  }

  #take(socket: Socket): void {
    if (this.#idle.size + this.#busy.size >= this.#max) this.#recycle();
    this.#idle.add(socket);
    socket.once('close', () => this.#forget(socket));
  }

  /** Ends the oldest idle connection; if none is idle, the one whose response was begun first. */
  #recycle(): void {
    const [oldest] = [...this.#idle.keys(), ...this.#busy.keys()];
    oldest!.destroy();
    this.#forget(oldest!);
  }

  #forget(socket: Socket): void {
    this.#idle.delete(socket);
    this.#busy.delete(socket);
  }

  #answer({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#idle.delete(socket);
    this.#busy.add(socket);
    response.once('close', () => {
      if (this.#busy.delete(socket)) this.#idle.add(socket);
    });
  }
}
