// The captures of a switch: pcapng files and streams. The engine writes them, so frames never pass through JavaScript.
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { SwitchError } from '../protocol/errors.ts';
import { isName, NAME_RULE } from '../protocol/names.ts';
import { checkOptions } from '../protocol/options.ts';
import { printable } from '../protocol/printable.ts';
import { strerror } from '../protocol/strerror.ts';
import type { Direction, NativeCapture, NativeEngine } from '../system/engine.ts';
import { describeError } from '../system/errno.ts';
import type { Log } from '../system/log.ts';
import { TSVDE_VERSION } from '../system/version.ts';
import { compileFilter } from './capture-filter.ts';
import type { PortInfo, PortTable } from './port-table.ts';

export type { Direction };

/** Selects the frames that are captured, and how many bytes of each. */
export interface CaptureOptions {
  /**
   * The captured ports, each given by its number or its name. By default all ports are captured, including those that
   * are created later.
   */
  ports?: readonly (number | string)[];
  /** `rx` selects frames that the switch receives from a port, `tx` frames that it sends to a port. Default `both`. */
  direction?: Direction;
  /**
   * The most bytes that are kept of each frame, from 1 to 262144. Default 262144, so that every frame is kept whole.
   */
  snapLength?: number;
  /**
   * Whether frames that the switch drops are captured, too, each with a comment such as `dropped: queue_full`. A frame
   * that was captured before it was dropped is captured twice. Default false.
   */
  drops?: boolean;
  /** The number of frames after which the capture is complete. Default 0, which means no limit. */
  count?: number;
  /** A filter in tcpdump's language, for example `tcp port 80`. By default all frames are captured. */
  filter?: string;
}

/** The options of a capture to a file. */
export interface FileCaptureOptions extends CaptureOptions {
  /** The path of a file, which is created or replaced, or of a named pipe that another program has open for reading. */
  file: string;
}

/** A capture, as Captures.list() returns it. */
export interface CaptureInfo {
  /** The name of the capture. A capture of tsvdectl is named `live-N`. */
  name: string;
  /** The path of the file; undefined for a capture of tsvdectl. */
  file: string | undefined;
  /** The numbers of the captured ports; undefined if all ports are captured. */
  ports: readonly number[] | undefined;
  /** The direction of the captured frames. */
  direction: Direction;
  /** The most bytes that are kept of each frame. */
  snapLength: number;
  /** Whether dropped frames are captured, too. */
  drops: boolean;
  /** The number of frames after which the capture is complete; 0 means no limit. */
  count: number;
  /** The filter; undefined if there is none. */
  filter: string | undefined;
  /**
   * `running` while frames are captured, `finishing` while the last frames are written, `complete` after `count`
   * frames, or `failed` if the file could not be written or the reader of the pipe has gone.
   */
  state: 'running' | 'finishing' | 'complete' | 'failed';
  /** Why the capture failed; undefined if it did not. */
  error: string | undefined;
  /** The number of frames captured so far. */
  frames: bigint;
  /** The number of bytes that are kept of these frames. */
  bytes: bigint;
  /** The number of frames that were lost because the file or the reader was too slow. */
  lost: bigint;
}

const OPTIONS = {
  ports: true,
  direction: true,
  snapLength: true,
  drops: true,
  count: true,
  filter: true,
} satisfies Record<keyof CaptureOptions, true>;
const FILE_OPTIONS = { ...OPTIONS, file: true } satisfies Record<keyof FileCaptureOptions, true>;

const SNAP_LENGTH_MAX = 262_144;
const CAPTURES_MAX = 64;
const DESCRIPTION_MAX = 1000;

/** The checked options of a capture, and its compiled filter. @internal */
export type PreparedCapture = Required<
  Pick<CaptureInfo, 'ports' | 'direction' | 'snapLength' | 'drops' | 'count' | 'filter'>
> & {
  program: Uint32Array | undefined;
};

interface Entry {
  id: number;
  name: string;
  file: string | undefined;
  /** The device and inode numbers of a regular file; undefined for a pipe or a stream. */
  identity: string | undefined;
  prepared: PreparedCapture;
  /** The state and the numbers at the end of the capture; undefined while it has not ended. */
  final?: Pick<CaptureInfo, 'state' | 'error' | 'frames' | 'bytes' | 'lost'>;
  ended: Promise<void>;
  end(): void;
}

/** Captures of a switch's frames to files in the pcapng format, which tcpdump and Wireshark read. */
export class Captures {
  readonly #engine: NativeEngine;
  readonly #table: PortTable;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  /** The names of captures whose filters are being compiled. */
  readonly #beginning = new Set<string>();
  #lastId = 0;
  #lastLive = 0;

  /** @internal */
  constructor(engine: NativeEngine, table: PortTable, log: Log) {
    this.#engine = engine;
    this.#table = table;
    this.#log = log;
  }

  /**
   * Begins a capture to a file. Throws SwitchError EEXIST if the name is in use, EINVAL if an option or the filter is
   * invalid or the file cannot be written, ENOSPC if there are 64 captures already, ENOENT if a filter is given and
   * libpcap is not installed, and EIO if the capture cannot begin for another reason.
   */
  async add(name: string, options: FileCaptureOptions): Promise<void> {
    checkOptions(options, FILE_OPTIONS);
    if (!isName(name)) throw new SwitchError('EINVAL', `'${name}' is not a name: it must be ${NAME_RULE}`);
    if (this.#entries.has(name) || this.#beginning.has(name))
      throw new SwitchError('EEXIST', `there is a capture '${name}' already`);
    const { file, ...rest } = options;
    if (typeof file !== 'string' || file === '') throw new SwitchError('EINVAL', 'a capture needs a file');
    this.#beginning.add(name);
    try {
      const prepared = await this.prepare(rest);
      const { fd, identity } = this.#open(file);
      this.#begin({ name, file, identity, prepared }, fd);
    } finally {
      this.#beginning.delete(name);
    }
  }

  /**
   * Ends and removes a capture. Waits until a regular file is complete, but not for the reader of a pipe. Throws
   * SwitchError ENOENT if there is no capture of that name.
   */
  async remove(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) throw new SwitchError('ENOENT', `there is no capture '${name}'`);
    if (!entry.final) {
      this.#engine.finishCapture(entry.id);
      // Do not wait for the reader of a pipe or a stream, which may never read the rest. The reader gets the frames
      // that fit at once.
      if (entry.identity !== undefined) await entry.ended;
      else this.ended(entry.id, 0);
    }
    this.#entries.delete(name);
  }

  /** Returns all captures in the order in which they began. */
  list(): CaptureInfo[] {
    return [...this.#entries.values()].map((entry) => {
      const { name, file, prepared } = entry;
      const { program, ...options } = prepared;
      return { name, file, ...options, ...(entry.final ?? this.#numbers(entry.id)) };
    });
  }

  /** Checks options and compiles the filter. Throws as add() does. @internal */
  async prepare(options: CaptureOptions): Promise<PreparedCapture> {
    checkOptions(options, OPTIONS);
    const { ports, direction = 'both', snapLength = SNAP_LENGTH_MAX, drops = false } = options;
    const { count = 0, filter = '' } = options;
    const numbers = ports?.map((port) => this.#table.number(port));
    if (!['rx', 'tx', 'both'].includes(direction))
      throw new SwitchError('EINVAL', `'${direction}' is not a direction: it is rx, tx or both`);
    if (!Number.isInteger(snapLength) || snapLength < 1 || snapLength > SNAP_LENGTH_MAX)
      throw new SwitchError('EINVAL', `the snap length is ${snapLength}: it must be from 1 to ${SNAP_LENGTH_MAX}`);
    if (!Number.isSafeInteger(count) || count < 0)
      throw new SwitchError('EINVAL', `the count of frames is ${count}: it must be a whole number`);
    if (this.#entries.size >= CAPTURES_MAX)
      throw new SwitchError('ENOSPC', `there are ${CAPTURES_MAX} captures already: remove one`);
    const filters = filter.trim() !== '';
    return {
      ports: numbers?.length ? numbers : undefined,
      direction,
      snapLength,
      drops,
      count,
      filter: filters ? filter : undefined,
      program: filters ? await compileFilter(filter) : undefined,
    };
  }

  /**
   * Begins a capture to a stream socket, whose descriptor it then owns. The capture is removed when it ends. @internal
   */
  stream(prepared: PreparedCapture, fd: number): void {
    const name = `live-${++this.#lastLive}`;
    const entry = this.#begin({ name, file: undefined, identity: undefined, prepared }, fd);
    void entry.ended.then(() => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
    });
  }

  /** Updates the description of a port in captures that have not written the port's interface yet. @internal */
  portChanged(number: number): void {
    const port = this.#table.get(number);
    if (!port) return;
    for (const { id, final } of this.#entries.values()) if (!final) this.#describe(id, port, false);
  }

  /** Called when the engine has ended a capture. @internal */
  ended(id: number, errno: number): void {
    const entry = [...this.#entries.values()].find((entry) => entry.id === id);
    if (!entry || entry.final) return;
    const error = errno === 0 ? undefined : strerror(errno);
    entry.final = { ...this.#numbers(id), state: error === undefined ? 'complete' : 'failed', error };
    this.#engine.removeCapture(id);
    if (error !== undefined && entry.file !== undefined)
      this.#log(`the capture '${entry.name}' has ended: '${printable(entry.file)}': ${error}`, 'warning', {
        path: entry.file,
        reason: error,
      });
    entry.end();
  }

  /** Removes all captures. To be called after the engine has closed their outputs. @internal */
  close(): void {
    for (const entry of this.#entries.values()) entry.end();
    this.#entries.clear();
  }

  #begin(given: Pick<Entry, 'name' | 'file' | 'identity' | 'prepared'>, fd: number): Entry {
    const { ports = [], program, filter, ...options } = given.prepared;
    const settings: NativeCapture = { fd, ports, ...options, application: `tsvde ${TSVDE_VERSION}` };
    if (program) settings.filter = program;
    const id = ++this.#lastId;
    try {
      this.#engine.addCapture(id, settings);
    } catch (error) {
      throw new SwitchError('EIO', `the capture cannot begin: ${describeError(error)}`);
    }
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const entry = { ...given, id, ended, end };
    this.#entries.set(given.name, entry);
    for (const port of this.#table.list()) this.#describe(id, port, port.active);
    return entry;
  }

  #describe(id: number, { number, name, endpoints }: PortInfo, now: boolean): void {
    const description = endpoints.map(({ kind, description }) => `${kind} ${description}`.trim()).join(', ');
    const text = printable(description).slice(0, DESCRIPTION_MAX);
    this.#engine.describeCaptured(id, number, name ?? `port ${number}`, text, now);
  }

  #numbers(id: number): NonNullable<Entry['final']> {
    const stats = this.#engine.captureStats(id);
    const { frames = 0n, bytes = 0n, lost = 0n, finishing = true } = stats ?? {};
    return { state: finishing ? 'finishing' : 'running', error: undefined, frames, bytes, lost };
  }

  /**
   * Opens a file without waiting. Throws SwitchError EINVAL if the path is a symbolic link, which in /tmp could be
   * another user's, or if the file cannot be written.
   */
  #open(path: string): { fd: number; identity: string | undefined } {
    const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    let fd: number;
    try {
      fd = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    } catch (error) {
      const isUnread = (error as NodeJS.ErrnoException).code === 'ENXIO';
      throw refusal(path, isUnread ? 'no program reads the pipe, or it is a socket' : describeError(error));
    }
    try {
      const found = fstatSync(fd, { bigint: true });
      if (found.isFIFO()) return { fd, identity: undefined };
      if (!found.isFile()) throw refusal(path, 'it is neither a regular file nor a pipe');
      const identity = `${found.dev}:${found.ino}`;
      const other = [...this.#entries.values()].find((entry) => !entry.final && entry.identity === identity);
      if (other) throw refusal(path, `the capture '${other.name}' writes it`);
      ftruncateSync(fd, 0);
      return { fd, identity };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
}

function refusal(path: string, reason: string): SwitchError {
  return new SwitchError('EINVAL', `cannot write '${path}': ${reason}`);
}
