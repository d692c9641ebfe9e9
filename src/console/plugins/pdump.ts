// pdump: every frame, of all ports and both ways, into a pcap file.
import { closeSync, ftruncateSync } from 'node:fs';
import { SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';
import { type ConsoleContext, type Menu, printing } from '../command.ts';
import { parseNumber } from '../parse.ts';
import type { Plugin } from '../plugin.ts';
import { printable } from '../reply.ts';
import { FileWriter } from './file-writer.ts';
import { pcapHeader, pcapRecord } from './pcap.ts';
import { type OpenFile, openRegular } from './regular-file.ts';

/** In the list, and silent, as ever. */
const CATEGORIES = [
  { name: 'pdump/packetin', tag: 0o101, help: 'nothing: frames are in the file' },
  { name: 'pdump/packetout', tag: 0o102, help: 'nothing: frames are in the file' },
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
  /** Open from its first use on: dumping may pause and go on in it. */
  #writer: FileWriter | undefined;
  #stop: (() => void) | undefined;

  constructor(context: ConsoleContext) {
    this.#context = context;
  }

  get name(): string {
    return this.#name;
  }

  /** What was in the file is gone, but for the one in use, which goes on. EINVAL: and nothing has changed. */
  set name(name: string) {
    const file = openRegular(name, 0, 'EINVAL');
    const old = this.#writer;
    if (old?.file.identity === file.identity) {
      closeSync(file.fd);
    } else {
      this.#writer = this.#begin(file);
      old?.close();
    }
    this.#name = name;
  }

  set buffered(buffered: boolean) {
    this.#buffered = buffered;
    if (this.#writer) this.#writer.buffered = buffered;
  }

  /** EEXIST, EINVAL. */
  start(): void {
    if (this.#stop) throw new SwitchError('EEXIST', 'frames are being dumped already');
    this.#writer ??= this.#begin(openRegular(this.#name, 0, 'EINVAL'));
    this.#stop = this.#context.switch.capture.start(({ bytes }) => this.#writer?.write(pcapRecord(bytes, Date.now())));
  }

  /** ENOENT. */
  stop(): void {
    if (!this.#stop) throw new SwitchError('ENOENT', 'no frames are being dumped');
    this.#pause();
    this.#writer?.flush();
  }

  close(): void {
    this.#pause();
    this.#writer?.close();
    this.#writer = undefined;
  }

  #pause(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #begin(file: OpenFile): FileWriter {
    truncate(file);
    const writer: FileWriter = new FileWriter({
      file,
      appends: false,
      noun: 'frames',
      log: (message) => this.#context.log(`pdump: ${printable(message)}`, 'warning'),
      onFailure: () => {
        if (this.#writer !== writer) return;
        this.#pause();
        this.#writer = undefined;
      },
    });
    writer.buffered = this.#buffered;
    writer.write(pcapHeader());
    return writer;
  }
}

function truncate({ fd, path }: OpenFile): void {
  try {
    ftruncateSync(fd);
  } catch (error) {
    closeSync(fd);
    throw new SwitchError('EINVAL', `cannot empty '${path}': ${describeError(error)}`);
  }
}

function menu(frames: FrameFile): Menu {
  return {
    name: 'pdump',
    title: 'FRAMES INTO A PCAP FILE',
    commands: [
      {
        path: 'pdump/active',
        syntax: '0/1',
        help: '1: start dumping frames; 0: stop',
        *print(argument) {
          const active = parseNumber(argument) !== 0;
          yield* explained(frames.name, () => (active ? frames.start() : frames.stop()));
        },
      },
      printing({
        path: 'pdump/filename',
        syntax: '<file>',
        help: 'dump into that file from here on, or show which it is',
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
        help: '1: write in large blocks; 0: each frame as it comes',
        run(argument) {
          frames.buffered = parseNumber(argument) !== 0;
        },
      },
    ],
  };
}

/** A code alone would not tell which file, and why. */
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
