// A client port in JavaScript: it joins a VDE switch, tsvde or another, and sends and receives frames.
import { EventEmitter } from 'node:events';
import { SwitchError } from '../protocol/errors.ts';
import { checkOptions } from '../protocol/options.ts';
import { describeError } from '../system/errno.ts';
import { type NativeFrameSocket, native } from '../system/native.ts';
import { FrameQueue } from './frame-queue.ts';
import { checkJoinOptions, type JoinOptions, joinSwitch } from './join.ts';

/** How the frames of a plug are iterated over. */
export interface FramesOptions {
  /** When aborted, the iteration ends by throwing the signal's reason. */
  signal?: AbortSignal;
}

const FRAMES_OPTIONS = { signal: true } satisfies Record<keyof FramesOptions, true>;
/** A plug's connection to its switch. */
export interface PlugLink {
  /** The data socket, which is connected. The plug owns it. */
  fd: number;
  port: number | undefined;
  switchPath: string;
  /** Called once, when the plug is closed. */
  disconnect(): void;
}

/** The shortest and the longest frame in bytes, from the destination address on and without FCS. */
const FRAME_MIN = 14;
const FRAME_MAX = 65_535;

/**
 * A port of a switch, in JavaScript: it sends frames to the switch and receives frames from it. A frame is an Ethernet
 * frame from its destination address on, without FCS.
 * Emits `frame` with each frame received, `drain` when there is room again after send() returned false, and `close`
 * once, when either side has ended the connection. Frames that arrive while nothing listens are dropped.
 */
export class Plug extends EventEmitter<{ frame: [frame: Buffer]; drain: []; close: [] }> {
  /**
   * The number of the port in its switch; undefined if the switch does not name its data sockets as VDE switches do.
   */
  readonly port: number | undefined;
  /** The path of the switch's data socket, `DIR/001.5`; empty for a plug made by Switch.plug(), which has none. */
  readonly switchPath: string;
  readonly #link: PlugLink;
  readonly #socket: NativeFrameSocket;
  /**
   * Frames received but not yet delivered. They are left from the current batch, or from the batch during which the
   * plug was paused.
   */
  readonly #received: Buffer[] = [];
  readonly #queues = new Set<FrameQueue>();
  readonly #fullQueues = new Set<FrameQueue>();
  #open = true;
  #paused = false;
  #reading = true;

  private constructor(link: PlugLink) {
    super();
    this.port = link.port;
    this.switchPath = link.switchPath;
    this.#link = link;
    this.#socket = new native.FrameSocket(
      link.fd,
      (frames) => {
        this.#received.push(...frames);
        this.#emitFrames();
      },
      () => this.emit('drain'),
    );
  }

  /**
   * Joins the switch that serves a control directory: tsvde, vde_switch, or a Switch that listens there. Throws
   * SwitchError ENOENT if there is no switch, ECONNREFUSED if nothing listens or the switch refuses, EACCES if
   * permissions forbid it, EINVAL for wrong options, and EIO otherwise. If the signal is aborted, throws the signal's
   * reason.
   */
  static async connect(directory: string, options: JoinOptions = {}): Promise<Plug> {
    checkJoinOptions(options);
    const { control, fd, switchPath } = await joinSwitch(directory, options);
    const plug = new Plug({ fd, switchPath, port: portOf(switchPath), disconnect: () => control.destroy() });
    control.once('close', () => plug.end());
    control.resume();
    return plug;
  }

  /** Makes a plug on a connection that exists already. @internal */
  static over(link: PlugLink): Plug {
    return new Plug(link);
  }

  /** Whether the plug is connected: neither side has ended the connection. */
  get open(): boolean {
    return this.#open;
  }

  /**
   * Sends a frame of 14 to 65535 bytes and returns true. If the switch does not read fast enough, returns false without
   * sending the frame, and `drain` follows when there is room. Throws TypeError for anything but bytes; SwitchError
   * EINVAL or EMSGSIZE for a frame that is too short or too long, and ENODEV once the plug is closed or its switch has
   * ended.
   */
  send(frame: Uint8Array): boolean {
    return this.sendAll([frame]) === 1;
  }

  /** Sends frames in their order, as send() does. Returns how many were sent. If any frame is invalid, none is sent. */
  sendAll(frames: readonly Uint8Array[]): number {
    frames.forEach(checkFrame);
    if (!this.#open) throw new SwitchError('ENODEV', 'the plug is closed');
    try {
      return this.sendUnchecked(frames);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const ended = code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'ENOTCONN' || code === 'EPIPE';
      throw ended
        ? new SwitchError('ENODEV', 'the switch of this plug has ended')
        : new SwitchError('EIO', `cannot send to the switch: ${describeError(error)}`);
    }
  }

  /** Sends frames of any length, and throws the kernel's error. @internal */
  sendUnchecked(frames: readonly Uint8Array[]): number {
    return this.#socket.send(frames);
  }

  /**
   * Stops receiving. Frames then wait in the kernel, as for any program that does not read; once the kernel has no more
   * room, the switch queues frames and drops those that do not fit.
   */
  pause(): void {
    this.#paused = true;
    this.#updateReading();
  }

  /** Continues receiving. Frames that waited are delivered in later turns of the event loop. */
  resume(): void {
    this.#paused = false;
    this.#updateReading();
  }

  /**
   * Returns an iterator over the frames received from now on. At most 64 wait for the loop that reads them; then the
   * plug is paused. The iteration ends when the plug does. If the signal is aborted, the iteration throws the signal's
   * reason. Leaving a `for await` loop ends the iteration; an iterator that is used in another way and not read to its
   * end must be ended by its return() or by `await using`.
   */
  frames(options: FramesOptions = {}): AsyncIterableIterator<Buffer, undefined> & AsyncDisposable {
    checkOptions(options, FRAMES_OPTIONS);
    const { signal } = options;
    const queue = new FrameQueue(
      {
        full: (queue, full) => {
          if (full) this.#fullQueues.add(queue);
          else this.#fullQueues.delete(queue);
          this.#updateReading();
        },
        left: (queue) => {
          this.#queues.delete(queue);
          this.#fullQueues.delete(queue);
          this.#updateReading();
        },
      },
      signal,
    );
    if (!this.#open) queue.end(true);
    else if (!signal?.aborted) this.#queues.add(queue);
    return queue;
  }

  /** Returns what frames() returns, for `for await (const frame of plug)`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    return this.frames();
  }

  /** Disconnects from the switch; idempotent. Frames that the switch has not read yet may be lost. */
  close(): void {
    this.#close(true);
  }

  /** Closes the plug like close(), for `using` and `await using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the plug because the other side has ended. Iterators still deliver all frames that arrived. @internal */
  end(): void {
    this.#close(false);
  }

  #close(discard: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    const rest = this.#received.splice(0);
    if (!discard) for (const queue of this.#queues) for (const frame of rest) queue.push(frame);
    this.#link.disconnect();
    this.#socket.close();
    for (const queue of [...this.#queues]) queue.end(discard);
    this.emit('close');
  }

  #updateReading(): void {
    const reading = !this.#paused && this.#fullQueues.size === 0;
    if (!this.#open || reading === this.#reading) return;
    this.#reading = reading;
    if (reading) {
      this.#socket.resume();
      this.#emitLater();
    } else {
      this.#socket.pause();
    }
  }

  /**
   * Delivers frames. A listener may close or pause the plug, or throw. A listener's exception is uncaught, and the
   * remaining frames are still delivered.
   */
  #emitFrames(): void {
    try {
      while (this.#reading) {
        const frame = this.#received.shift();
        if (frame === undefined) return;
        for (const queue of this.#queues) queue.push(frame);
        this.emit('frame', frame);
      }
    } finally {
      this.#emitLater();
    }
  }

  #emitLater(): void {
    if (this.#received.length > 0 && this.#reading) process.nextTick(() => this.#emitFrames());
  }
}

function checkFrame(frame: Uint8Array): void {
  if (!(frame instanceof Uint8Array)) throw new TypeError('a frame is a Uint8Array, such as a Buffer');
  const { length } = frame;
  if (length < FRAME_MIN)
    throw new SwitchError(
      'EINVAL',
      `a frame has at least ${FRAME_MIN} bytes, its Ethernet header; this one has ${length}`,
    );
  if (length > FRAME_MAX)
    throw new SwitchError('EMSGSIZE', `a frame has at most ${FRAME_MAX} bytes; this one has ${length}`);
}

/**
 * Returns the port number in the name that a VDE switch gives to a data socket, `DIR/001.5`; undefined for other names.
 */
function portOf(switchPath: string): number | undefined {
  const [, digits] = /\/(\d{3,})\.\d+$/.exec(switchPath) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
