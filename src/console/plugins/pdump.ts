// The pdump plugin: writes every frame, of all ports and in both directions, to a pcap file. Stopping leaves the file
// open, and starting again continues it.
import { closeSync, fstatSync, ftruncateSync } from 'node:fs';
import { SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';
import { type ConsoleContext, type Menu, printing } from '../command.ts';
import { parseNumber } from '../parse.ts';
import type { Plugin } from '../plugin.ts';
import { printable } from '../reply.ts';
import { FileWriter } from './file-writer.ts';
import { pcapHeader, pcapRecord } from './pcap.ts';
import { type OpenFile, openRegular } from './regular-file.ts';

/** Categories that are listed but never used, as in vde2. */
const CATEGORIES = [
  { name: 'pdump/packetin', tag: 0o101, help: 'unused: frames go to the file' },
  { name: 'pdump/packetout', tag: 0o102, help: 'unused: frames go to the file' },
];

export const pdump: Plugin = {
  name: 'pdump',
  help: 'write frames to a file, in pcap format',
  load(context) {
    const frames = new FrameFile(context);
    return { menu: menu(frames), categories: CATEGORIES, unload: () => frames.close() };
  },
};

class FrameFile {
  readonly #context: ConsoleContext;
  #name = 'vde_dump.cap';
  #buffered = false;
  /** The writer of the file, which stays open from its first use until another file is named. */
  #writer: FileWriter | undefined;
  #stop: (() => void) | undefined;

  constructor(context: ConsoleContext) {
    this.#context = context;
  }

  get name(): string {
    return this.#name;
  }

  /**
   * Sets the name of the file, and truncates the file. If the plugin has the same file open already, perhaps under
   * another name, the file is not truncated and the capture continues in it. If the file cannot be opened, throws
   * EINVAL and changes nothing.
   */
  set name(name: string) {
    const file = openRegular(name, 0, 'EINVAL');
    const old = this.#writer;
    if (old?.file.identity === file.identity) {
      closeSync(file.fd);
    } else {
      truncate(file);
      this.#writer = this.#begin(file);
      old?.close();
    }
    this.#name = name;
  }

  set buffered(buffered: boolean) {
    this.#buffered = buffered;
    if (this.#writer) this.#writer.buffered = buffered;
  }

  /**
   * Starts dumping. Throws EEXIST if frames are being dumped already, EINVAL if the file cannot be opened or holds
   * something: only naming a file empties it.
   */
  start(): void {
    if (this.#stop) throw new SwitchError('EEXIST', 'frames are being dumped already');
    this.#writer ??= this.#begin(openEmpty(this.#name));
    this.#stop = this.#context.switch.capture.start(({ bytes }) => this.#writer?.write(pcapRecord(bytes, Date.now())));
  }

  /** Stops dumping. Throws ENOENT if no frames are being dumped. */
  stop(): void {
    if (!this.#stop) throw new SwitchError('ENOENT', 'no frames are being dumped');
    this.#stopCapture();
    this.#writer?.flush();
  }

  close(): void {
    this.#stopCapture();
    this.#writer?.close();
    this.#writer = undefined;
  }

  #stopCapture(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #begin(file: OpenFile): FileWriter {
    const writer: FileWriter = new FileWriter({
      file,
      appends: false,
      noun: 'frames',
      log: (message) => this.#context.log(`pdump: ${printable(message)}`, 'warning'),
      onFailure: () => {
        if (this.#writer !== writer) return;
        this.#stopCapture();
        this.#writer = undefined;
      },
    });
    writer.buffered = this.#buffered;
    writer.write(pcapHeader());
    return writer;
  }
}

function openEmpty(path: string): OpenFile {
  const file = openRegular(path, 0, 'EINVAL');
  if (fstatSync(file.fd).size === 0) return file;
  closeSync(file.fd);
  throw new SwitchError(
    'EINVAL',
    `'${path}' is not empty: name another file with pdump/filename, or the same to empty it`,
  );
}

function truncate({ fd, path }: OpenFile): void {
  try {
    ftruncateSync(fd);
  } catch (error) {
    closeSync(fd);
    throw new SwitchError('EINVAL', `cannot truncate '${path}': ${describeError(error)}`);
  }
}

function menu(frames: FrameFile): Menu {
  return {
    name: 'pdump',
    title: 'FRAMES TO A PCAP FILE',
    commands: [
      {
        path: 'pdump/active',
        syntax: '0/1',
        help: '1: start dumping frames; 0: stop',
        level: 'full',
        *print(argument) {
          const active = parseNumber(argument) !== 0;
          yield* explained(frames.name, () => (active ? frames.start() : frames.stop()));
        },
      },
      printing({
        path: 'pdump/filename',
        syntax: '<file>',
        help: 'set the file to dump to, or show it',
        level: 'full',
        levelOf: (argument) => (argument === '' ? 'look' : 'full'),
        *print(argument) {
          yield* explained(argument, () => {
            if (argument !== '') frames.name = argument;
          });
          yield { file: frames.name };
        },
        format: (item) => (typeof item === 'string' ? item : `dumpfile=${printable(item.file)}`),
      }),
      {
        path: 'pdump/buffered',
        syntax: '0/1',
        help: '1: write in large blocks; 0: write each frame at once',
        level: 'full',
        run(argument) {
          frames.buffered = parseNumber(argument) !== 0;
        },
      },
    ],
  };
}

/**
 * Runs an action. Throws the error if the action fails. For EINVAL, yields the reason first, since the code of the
 * reply names neither the file nor the cause.
 */
function* explained(name: string, act: () => void): Iterable<string> {
  try {
    act();
  } catch (error) {
    if (error instanceof SwitchError && error.code === 'EINVAL') {
      yield printable(error.message);
      yield printable(`ERROR: cannot dump to ${name}`);
    }
    throw error;
  }
}
