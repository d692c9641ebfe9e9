// A client port: joins a VDE switch, tsvde or another, and sends and receives frames.
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { chmod, chown, realpath, stat, unlink } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { ADDRESS_SIZE, addressPath, formatAddress, formatRequest } from '../protocol/request.ts';
import { groupId } from '../system/accounts.ts';
import { describeError } from '../system/errno.ts';
import { type NativeFrameSocket, native } from '../system/native.ts';

export interface PlugOptions {
  /** The number of the switch port to ask for, which may be 0; default any free one. */
  port?: number;
  /** The description that the switch's port/print shows. */
  description?: string;
}

export interface JoinOptions extends PlugOptions {
  /** Permissions of the client's own socket; default 0700. */
  mode?: number;
  /** Group of the client's own socket. */
  group?: string;
  /** Aborts joining; no effect once joined. */
  signal?: AbortSignal;
}

/** A port taken at a switch; it lasts as long as `control` is open. */
export interface Joined {
  control: Socket;
  /** The data socket, non-blocking, connected to the switch. The caller owns it. */
  fd: number;
  /** The switch's data socket, `DIR/001.5`. */
  switchPath: string;
}

/** Where the client's own socket is made if the switch's directory is not writable. */
const FALLBACK_DIRECTORIES = ['/var/run', '/tmp'];

const REPLY_TIMEOUT_MS = 5000;

export class Plug extends EventEmitter<{ frame: [frame: Buffer]; drain: []; close: [] }> {
  readonly switchPath: string;
  readonly #control: Socket;
  readonly #socket: NativeFrameSocket;
  /** Received frames not emitted yet: empty except during a batch, or while paused in the middle of one. */
  readonly #received: Buffer[] = [];
  #open = true;
  #paused = false;

  private constructor(joined: Joined) {
    super();
    this.switchPath = joined.switchPath;
    this.#control = joined.control;
    this.#socket = new native.FrameSocket(
      joined.fd,
      (frames) => {
        this.#received.push(...frames);
        this.#emitFrames();
      },
      () => this.emit('drain'),
    );
    joined.control.once('close', () => this.close());
    joined.control.resume();
  }

  /** Throws SwitchError EIO if there is no switch or it refuses. */
  static async connect(directory: string, options: JoinOptions = {}): Promise<Plug> {
    return new Plug(await joinSwitch(directory, options));
  }

  /** False once either side has closed the connection. */
  get open(): boolean {
    return this.#open;
  }

  /** Returns false if the switch's buffer is full: the frame was not sent, and 'drain' follows when there is room. */
  send(frame: Uint8Array): boolean {
    return this.#socket.send([frame]) === 1;
  }

  /** Sends frames in order, as send() does, and returns how many were sent. */
  sendAll(frames: readonly Uint8Array[]): number {
    return this.#socket.send(frames);
  }

  /** Leaves incoming frames in the kernel: no 'frame' is emitted until resume(). */
  pause(): void {
    this.#socket.pause();
    this.#paused = true;
  }

  resume(): void {
    this.#socket.resume();
    this.#paused = false;
    this.#emitLater();
  }

  /** Disconnects from the switch. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#received.length = 0;
    this.#control.destroy();
    this.#socket.close();
    this.emit('close');
  }

  /** A listener may close, pause or throw: its exception is uncaught, and the remaining frames follow later. */
  #emitFrames(): void {
    try {
      while (!this.#paused) {
        const frame = this.#received.shift();
        if (frame === undefined) return;
        this.emit('frame', frame);
      }
    } finally {
      this.#emitLater();
    }
  }

  #emitLater(): void {
    if (this.#received.length > 0 && !this.#paused) process.nextTick(() => this.#emitFrames());
  }
}

/** Only the handshake, for callers that pass the descriptors on. Throws SwitchError EIO. */
export async function joinSwitch(directory: string, options: JoinOptions = {}): Promise<Joined> {
  const joined = await shakeHands(directory, options);
  if (!joined.control.destroyed) return joined;
  // The stream ended while our own name was being unlinked: the caller would wait for its end for ever.
  native.closeDescriptor(joined.fd);
  return fail(directory, 'it ended the connection at once');
}

async function shakeHands(directory: string, options: JoinOptions): Promise<Joined> {
  const path = await realpath(directory).catch((error) => fail(directory, describeError(error)));
  const control = await connectTo(`${path}/ctl`).catch((error) => fail(directory, describeError(error)));
  let fd = -1;
  let ownPath: string | undefined;
  const abort = () => control.destroy();
  options.signal?.addEventListener('abort', abort);
  try {
    if (options.signal?.aborted) abort();
    ({ fd, path: ownPath } = bindOwn(path));
    await admitSwitch(`${path}/ctl`, ownPath, options);
    const wanted =
      options.port === undefined ? ({ kind: 'any' } as const) : { kind: 'number' as const, number: options.port };
    control.write(formatRequest({ wanted, address: formatAddress(ownPath), description: options.description ?? '' }));
    const address = await readReply(control);
    native.connectDatagram(fd, address);
    return { control, fd, switchPath: addressPath(address)?.toString() ?? '' };
  } catch (error) {
    control.destroy();
    if (fd >= 0) native.closeDescriptor(fd);
    return fail(directory, error instanceof SwitchError ? error.message : describeError(error));
  } finally {
    options.signal?.removeEventListener('abort', abort);
    // Both sockets are connected, or joining has failed: the name is no longer needed.
    if (ownPath !== undefined) await unlink(ownPath).catch(() => {});
  }
}

/**
 * Lets the switch send to our socket. Unless the caller grants access, a switch of another user than root or us gets it
 * through its group, or, if we may not set that group, as everybody does.
 */
async function admitSwitch(controlPath: string, ownPath: string, { mode = 0o700, group }: JoinOptions): Promise<void> {
  if (group !== undefined) await chown(ownPath, -1, groupId(group));
  const { uid, gid } = await stat(controlPath);
  const needed = group === undefined && (mode & 0o077) === 0 && uid !== 0 && uid !== process.geteuid?.();
  if (!needed) return chmod(ownPath, mode);
  const byGroup = await chown(ownPath, -1, gid).then(
    () => true,
    () => false,
  );
  await chmod(ownPath, mode | (byGroup ? 0o070 : 0o077));
}

function fail(directory: string, why: string): never {
  throw new SwitchError('EIO', `cannot join the switch at '${directory}': ${why}`);
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const stream = connect(path);
    stream.once('error', reject);
    stream.once('connect', () => {
      stream.off('error', reject);
      stream.on('error', () => {}); // 'close' follows
      resolve(stream);
    });
  });
}

/** Binds a name like other clients' `.01819-00000`, with random digits since a process may have many. */
function bindOwn(directory: string): { fd: number; path: string } {
  let last: unknown;
  for (const parent of [directory, ...FALLBACK_DIRECTORIES]) {
    const path = `${parent}/.${String(process.pid).padStart(5, '0')}-${randomBytes(4).readUInt32LE()}`;
    try {
      return { fd: native.openDatagram(path, null), path };
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

function readReply(control: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let reply = Buffer.alloc(0);
    const refused = () =>
      reject(new SwitchError('EACCES', 'it refused: the port is taken, reserved or out of range; its log says why'));
    if (control.destroyed) return refused();
    control.once('close', refused);
    // vde_switch does not answer a client that it refuses.
    control.setTimeout(REPLY_TIMEOUT_MS, () =>
      reject(new SwitchError('EIO', `it did not answer in ${REPLY_TIMEOUT_MS / 1000} s`)),
    );
    const read = (chunk: Buffer) => {
      reply = Buffer.concat([reply, chunk]);
      if (reply.length < ADDRESS_SIZE) return;
      control.off('data', read);
      control.off('close', refused);
      control.setTimeout(0);
      control.pause();
      resolve(reply.subarray(0, ADDRESS_SIZE));
    };
    control.on('data', read);
  });
}
