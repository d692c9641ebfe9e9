// Reads standard input when it is a terminal, but only while this process is in the foreground. In the background a
// read would stop the process, and what is typed is meant for the shell.
import { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { native } from './native.ts';

const STDIN = 0;
/**
 * How often a process in the background checks whether it is in the foreground, in milliseconds. Neither the shell nor
 * the kernel reports that change.
 */
const LOOK_MS = 250;

/**
 * Keeps the process from being stopped in the background when it reads the terminal or, under `stty tostop`, writes to
 * it.
 */
export function ignoreTerminalStops(): void {
  native.ignoreTerminalStops();
}

/** The terminal as a stream. It emits 'foreground' whenever it begins to read the terminal. */
export class TerminalInput extends Readable {
  /** Whether a hang-up while in the background ends the input. */
  readonly #endsInBackground: boolean;
  /** The open terminal; undefined while in the background. */
  #terminal: ReadStream | undefined;
  #raw = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ endsInBackground }: { endsInBackground: boolean }) {
    super();
    this.#endsInBackground = endsInBackground;
    ignoreTerminalStops();
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
    if (native.terminalStanding(STDIN) === 'foreground') this.#terminal?.setRawMode(raw);
  }

  /** Stops the processes of this job, as Ctrl-Z does outside raw mode. */
  suspend(): void {
    this.#terminal?.setRawMode(false);
    process.kill(0, 'SIGTSTP');
  }

  /** Opens the terminal anew, since the shell may have changed its modes and written to the screen. */
  readonly #continued = (): void => {
    this.#close();
    this.#look();
  };

  /** Opens the terminal, closes it or ends the input, depending on whether this process is in the foreground. */
  readonly #look = (): void => {
    clearTimeout(this.#timer);
    const standing = native.terminalStanding(STDIN);
    if (standing === 'gone') this.#hangUp();
    else if (standing === 'foreground') this.#open();
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
      this.#hangUp(); // the terminal has just gone
      return;
    }
    const lost = () => (native.terminalStanding(STDIN) === 'background' ? this.#look() : this.#end());
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

  #hangUp(): void {
    if (this.#terminal || this.#endsInBackground) this.#end();
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
