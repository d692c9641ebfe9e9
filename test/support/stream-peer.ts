// The other end of a stream of frames, written only for the tests: QEMU's framing over any socket of Node.
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { atEnd } from './at-end.ts';
import { until } from './wait.ts';

export class StreamPeer {
  readonly socket: Socket;
  readonly frames: Buffer[] = [];
  ended = false;
  #rest = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ended = true;
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    atEnd(() => socket.destroy());
  }

  static async connect(where: NetConnectOpts): Promise<StreamPeer> {
    const socket = connect(where);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new StreamPeer(socket);
  }

  send(frame: Buffer): void {
    this.socket.write(wire(frame));
  }

  /** Waits until a frame that equals `frame` byte for byte has arrived. */
  async receives(frame: Buffer): Promise<void> {
    await until(
      () => this.frames.some((one) => one.equals(frame)),
      () => `${frame.length} bytes ${frame.toString('hex', 0, 40)} among ${this.frames.map((one) => one.length)}`,
    );
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readUInt32BE()) {
      const end = 4 + this.#rest.readUInt32BE();
      this.frames.push(this.#rest.subarray(4, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** A server that accepts every connection. */
export class StreamServer {
  readonly peers: StreamPeer[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.peers.push(new StreamPeer(socket)));
  }

  static async listen(where: { path: string } | { port: number; host: string }): Promise<StreamServer> {
    const server = createServer();
    const own = new StreamServer(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, resolve);
    });
    atEnd(() => own.close());
    return own;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Resolves with the peer of the `count`th connection. */
  async peer(count = 1): Promise<StreamPeer> {
    await until(() => this.peers.length >= count, `${count} connections`);
    return this.peers[count - 1]!;
  }

  close(): void {
    for (const { socket } of this.peers) socket.destroy();
    this.#server.close();
  }
}

/** The frame as sent over a stream: its length and its bytes. */
export function wire(frame: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(frame.length);
  return Buffer.concat([length, frame]);
}

/** A TCP port with no listener now. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = await StreamServer.listen({ port: 0, host });
  const { port } = server;
  server.close();
  return port;
}
