// Guests on vhost-user ports: native/bench/vhost_guest.cc is the front end and the driver of each.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Started, start } from './process.ts';
import { temporaryDirectory } from './temporary.ts';
import { until } from './wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HEADER_BYTES = 12;

const bits = (...numbers: number[]) => numbers.reduce((mask, number) => mask | (1n << BigInt(number)), 0n);
/** The features that a guest accepts (virtio 1.2, 5.1.3 and 6). */
export const FEATURES = {
  /** Only VIRTIO_F_VERSION_1: each frame is in one buffer of the guest, and nothing is offloaded. */
  oldest: bits(32),
  /** Merged buffers, indirect descriptors and event indices, but no offloads. */
  plain: bits(15, 28, 29, 30, 32),
  /** Everything that the switch offers. */
  all: (1n << 64n) - 1n,
  /** As `all`, but without the guest's TSO and USO. */
  sendsOnly: (1n << 64n) - 1n - bits(7, 8, 9, 54, 55),
} as const;

/** A frame with its virtio-net header. */
export interface HeadedFrame {
  header: Buffer;
  frame: Buffer;
}

export class VhostGuest {
  readonly #program: Started;
  #unread: Buffer = Buffer.alloc(0);
  #features: bigint | undefined;
  readonly received: HeadedFrame[] = [];
  /** Called with each frame that arrives. */
  onFrame: (one: HeadedFrame) => void = () => {};

  private constructor(program: string, socket: string, features: bigint) {
    this.#program = start(program, [socket, features.toString(16)]);
    this.#program.onStdout((chunk) => this.#read(chunk));
  }

  /** Compiles the program; returns its path. */
  static compile(): string {
    const program = `${temporaryDirectory()}/vhost_guest`;
    const sources = ['native/bench/vhost_guest.cc', 'native/build/Release/engine.a'];
    execFileSync(process.env.CXX ?? 'g++', ['-std=c++20', '-O1', '-pthread', '-Inative', ...sources, '-o', program], {
      cwd: ROOT,
    });
    return program;
  }

  /** Connects to a vhost-user socket, and resolves when the guest's driver is ready. */
  static async connect(program: string, socket: string, features: bigint): Promise<VhostGuest> {
    const guest = new VhostGuest(program, socket, features);
    await until(
      () => guest.#features !== undefined,
      () => `the driver of a guest, which said: ${guest.#program.stderr()}`,
    );
    return guest;
  }

  /** The accepted features. */
  get features(): bigint {
    return this.#features!;
  }

  /** Sends a frame; the default header asks for nothing. */
  send(frame: Buffer, header: Buffer = Buffer.alloc(HEADER_BYTES)): void {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(HEADER_BYTES + frame.length);
    this.#program.stdin.write(Buffer.concat([size, header, frame]));
  }

  /** Ends the guest as kill -9 does. */
  async kill(): Promise<void> {
    await this.#program.stop('SIGKILL');
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    while (this.#unread.length >= 4) {
      const end = 4 + this.#unread.readUInt32LE();
      if (this.#unread.length < end) return;
      const record = this.#unread.subarray(4, end);
      this.#unread = this.#unread.subarray(end);
      if (this.#features === undefined) this.#features = record.readBigUInt64LE();
      else this.#deliver({ header: record.subarray(0, HEADER_BYTES), frame: record.subarray(HEADER_BYTES) });
    }
  }

  #deliver(one: HeadedFrame): void {
    this.received.push(one);
    this.onFrame(one);
  }
}
