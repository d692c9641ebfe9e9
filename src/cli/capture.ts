// tsvdectl capture: writes a switch's frames to a file or a pipe in the pcapng format, until it is interrupted or has
// written as many frames as --count gives.
import { createWriteStream, fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { isatty } from 'node:tty';
import { Command, Option } from 'commander';
import { captureWords, type LiveCapture, openCapture } from '../ctl/capture-client.ts';
import { NO_REPLY } from '../ctl/console-client.ts';
import { RotatingFile, type Rotation } from '../ctl/rotating-file.ts';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { native } from '../system/native.ts';
import { type Invocation, parseWords } from './sub-program.ts';

interface Parsed {
  port?: string;
  direction?: string;
  write: string;
  snaplen?: string;
  count?: string;
  drops?: true;
  fileSize?: string;
  files?: string;
}

const STDOUT = 1;
/** How often the program looks whether its output still has a reader, in milliseconds. */
const LOOK_MS = 250;
/** The bytes in one megabyte, which is the unit of -C as in tcpdump. */
const MEGABYTE = 1_000_000;

/** Runs `tsvdectl capture`. Throws ExitError if the capture is refused or fails. */
export async function capture({ words, path, timeout, say }: Invocation): Promise<number> {
  const { write, rotation, pairs } = parse(words);
  if (write === '-' && isatty(STDOUT))
    throw new ExitError(
      NO_REPLY,
      'capture: pcapng cannot be written to a terminal: name a file with -w, or use a pipe',
    );
  const live = await openCapture(path(), pairs, timeout);
  // The first signal completes the output; the same signal again ends the program.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => live.end());
  const open = () => (rotation ? new RotatingFile(rotation) : createWriteStream(write, { mode: 0o600 }));
  if (write === '-') endWithoutReader();
  const { frames, lost } = write === '-' ? await live.run(process.stdout) : await writeTo(live, write, open());
  say(`${frames} frames captured, ${lost} lost`);
  return 0;
}

/**
 * Ends the program, without its last line, when the reader of its output has gone, even if there is no frame to write.
 * A file needs no reader.
 */
function endWithoutReader(): void {
  if (fstatSync(STDOUT).isFile()) return;
  const timer = setInterval(() => {
    try {
      if (!native.hasReader(STDOUT)) process.exit(0);
    } catch {
      clearInterval(timer); // without the addon, the next frame ends the program
    }
  }, LOOK_MS).unref();
}

/** Writes a capture to a file that is being opened. Throws ExitError if the file cannot be written. */
export async function writeTo(live: LiveCapture, path: string, file: Writable): ReturnType<LiveCapture['run']> {
  const closed = finished(file); // also rejects if the file cannot be opened
  const written = live.run(file).then((counts) => {
    file.end();
    return counts;
  });
  return await Promise.all([written, closed]).then(
    ([counts]) => counts,
    (error) => {
      live.abandon();
      if (error instanceof ExitError) throw error;
      throw new ExitError(NO_REPLY, `capture: cannot write '${path}': ${describeError(error)}`);
    },
  );
}

/** Returns the file and the words for capture/stream. The switch checks the values in these words. Throws ExitError. */
function parse(words: readonly string[]): { write: string; rotation: Rotation | undefined; pairs: string } {
  const program = parseWords(defineCapture(), words, NO_REPLY);
  const { write, port, direction, snaplen, count, drops, fileSize, files } = program.opts<Parsed>();
  const rotation = rotationOf(write, fileSize, files);
  const filter = program.args.join(' ').trim();
  const values = { port, direction, snaplen: snaplen === '0' ? undefined : snaplen, count, drops: drops && 'on' };
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined && !/^[^\s=]+$/.test(value))
      throw new ExitError(NO_REPLY, `capture: '${value}' is not a valid ${key}`);
  }
  if (/[\r\n]/.test(filter)) throw new ExitError(NO_REPLY, 'capture: a filter is one line');
  return { write, rotation, pairs: captureWords(values, filter) };
}

function rotationOf(path: string, megabytes: string | undefined, files: string | undefined): Rotation | undefined {
  if (megabytes === undefined && files === undefined) return undefined;
  if (megabytes === undefined) throw new ExitError(NO_REPLY, 'capture: -W needs -C, the size of each file');
  if (path === '-') throw new ExitError(NO_REPLY, 'capture: -C needs a file: name it with -w');
  for (const [option, value] of Object.entries({ '-C': megabytes, '-W': files })) {
    if (value !== undefined && !/^[1-9]\d{0,5}$/.test(value))
      throw new ExitError(NO_REPLY, `capture: '${value}' is not valid for ${option}: give a number from 1 to 999999`);
  }
  return { path, bytes: Number(megabytes) * MEGABYTE, files: files === undefined ? undefined : Number(files) };
}

/** Returns the definition of `tsvdectl capture`. */
export function defineCapture(): Command {
  return new Command('tsvdectl capture')
    .usage('[options] [FILTER...]')
    .description(
      "Writes the frames that a switch's ports receive and transmit in the pcapng format, until interrupted. FILTER " +
        "is in tcpdump's language.",
    )
    .addOption(new Option('-p, --port <ports>', 'only these ports, for example 1,web'))
    .addOption(
      new Option(
        '-d, --direction <direction>',
        'rx: frames that the switch receives from a port; tx: frames that it sends to a port; both',
      ),
    )
    .addOption(new Option('-w, --write <file>', 'the file to write, or - for standard output').default('-'))
    .addOption(new Option('-s, --snaplen <bytes>', 'keep only the first <bytes> bytes of each frame'))
    .addOption(new Option('-c, --count <frames>', 'end after <frames> frames'))
    .addOption(new Option('-C, --file-size <megabytes>', 'begin another file after <megabytes> million bytes'))
    .addOption(new Option('-W, --files <files>', 'with -C: use at most <files> files in turn'))
    .addOption(new Option('--drops', 'also write the frames that are dropped, with a comment that names the reason'))
    .helpOption('-h, --help', 'show this help')
    .argument('[filter...]')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}
