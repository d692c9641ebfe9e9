// Reads standard input when it is a terminal, but only while this process is in the foreground. In the background a
// read would stop the process, and what is typed is meant for the shell.
import { fstatSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import { native } from './native.ts';

const STDIN = 0;
/** The device number of /dev/tty, another name of the controlling terminal. */
const DEV_TTY = 0x500;
/**
 * How often a process in the background checks whether it is in the foreground, in milliseconds. Neither the shell nor
 * the kernel reports that change.
 */
const LOOK_MS = 250;

/**
 * Returns whether this process is in the foreground or background of the terminal on standard input; `gone` after a
 * hang-up, and `unknown` while no file can be opened. A terminal that is not the controlling terminal may be read from
 * any process group.
 */
function standing(): 'foreground' | 'background' | 'gone' | 'unknown' {
  if (!isatty(STDIN)) return 'gone';
  let stat: string;
  try {
    stat = readFileSync('/proc/self/stat', 'latin1');
  } catch {
    return 'unknown'; // too many open files
  }
  // Fields 5, 7 and 8 of proc(5). The name in field 2 may contain blanks and parentheses.
  const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (![Number(terminal), DEV_TTY].includes(fstatSync(STDIN).rdev)) return 'foreground';
  return foreground === group ? 'foreground' : 'background';
}

/**
 * Keeps the process from being stopped in the background when it reads the terminal or, under `stty tostop`, writes to
 * it.
 */
export function ignoreTerminalStops(): void {
  native.ignoreTerminalStops();
}

/** Like ignoreTerminalStops(), for a client of the console, which also works without the addon. */
function ignoreTerminalStopsIfPossible(): void {
  try {
    ignoreTerminalStops();
  } catch {
    // At worst the process is stopped, like other programs, if it reads or writes while it is put into the background.
  }
}

/** The terminal as a stream. It emits 'foreground' whenever it begins to read the terminal. */
export class TerminalInput extends Readable {
  /** Whether a hang-up while in the background ends the input. */
  readonly #endsInBackground: boolean;
  /** The open terminal; undefined while in the background. */
  #terminal: ReadStream | undefined;
  /** The last standing other than `gone`. */
  #standing = standing();
  #raw = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ endsInBackground }: { endsInBackground: boolean }) {
    super();
    ignoreTerminalStopsIfPossible();
    this.#endsInBackground = endsInBackground;
    process.on('SIGCONT', this.#continued);
  }

  /** Whether the terminal is being read. */
  get reading(): boolean {
    return this.#terminal !== undefined;
  }

  override _read(): void {
    if (this.#terminal) this.#terminal.resume();
    else if (!this.#timer) this.#look();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stop();
    done(error);
  }

  /**
   * Sets whether the terminal is in raw mode while it is read. In the background the shell owns the terminal's modes,
   * so they are not changed until the terminal is read again.
   */
  setRawMode(raw: boolean): void {
    this.#raw = raw;
    if (['foreground', 'unknown'].includes(standing())) this.#terminal?.setRawMode(raw);
  }

  /** Stops the processes of this job, as Ctrl-Z does outside raw mode. Returns once this process continues. */
  suspend(): void {
    this.#terminal?.setRawMode(false);
    process.kill(0, 'SIGTSTP');
    // The handler of SIGCONT runs later. Until then, a program that continues in the background could write its prompt over
    // that of the shell.
    if (standing() === 'background') this.#look();
  }

  /** Opens the terminal anew, since the shell may have changed its modes and written to the screen. */
  readonly #continued = (): void => {
    if (!this.#terminal && !this.#timer) return; // nobody reads yet
    this.#close();
    this.#look();
  };

  /**
   * Opens the terminal, closes it or ends the input, depending on whether this process is in the foreground. Looks
   * again later while that is unknown.
   */
  readonly #look = (): void => {
    clearTimeout(this.#timer);
    const where = standing();
    if (where !== 'gone') this.#standing = where;
    if (where === 'gone') this.#hangUp(this.#standing === 'foreground');
    else if (where === 'foreground') this.#open();
    else {
      this.#close();
      this.#timer = setTimeout(this.#look, LOOK_MS);
    }
  };

  #open(): void {
    this.#timer = undefined;
    if (this.#terminal) return;
    try {
      this.#terminal = new ReadStream(STDIN);
    } catch {
      this.#hangUp(false); // the terminal has just gone
      return;
    }
    const lost = () => (['background', 'unknown'].includes(standing()) ? this.#look() : this.#end());
    this.#terminal.on('data', (bytes) => {
      if (!this.push(bytes)) this.#terminal?.pause();
    });
    this.#terminal.once('error', lost);
    this.#terminal.once('end', lost);
    if (this.#raw) this.#terminal.setRawMode(true);
    this.emit('foreground');
  }

  #close(): void {
    const terminal = this.#terminal;
    this.#terminal = undefined;
    if (!terminal) return;
    const unread = terminal.read();
    if (unread) this.push(unread);
    terminal.removeAllListeners();
    terminal.on('error', () => {});
    terminal.destroy();
  }

  #hangUp(inForeground: boolean): void {
    if (this.#terminal || inForeground || this.#endsInBackground) this.#end();
  }

  #end(): void {
    this.#stop();
    this.push(null);
  }

  #stop(): void {
    process.off('SIGCONT', this.#continued);
    clearTimeout(this.#timer);
    this.#close();
  }
}
