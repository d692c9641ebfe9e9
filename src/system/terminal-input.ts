// Standard input that is a terminal. A process in the background must not read it: the read would stop the process, and
// what is typed there is the shell's. The terminal is read while this process is in the foreground.
import { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { native } from './native.ts';

const STDIN = 0;
/** A shell does not tell a running job that it is brought to the foreground, and the kernel has no event for it. */
const LOOK_MS = 250;

/** Keeps the process from being stopped in the background, when it reads the terminal and, under `stty tostop`, when it writes. */
export function ignoreTerminalStops(): void {
  native.ignoreTerminalStops();
}

/** Emits 'foreground' whenever the terminal begins to be read. */
export class TerminalInput extends Readable {
  /** Whether a hang-up that happens in the background is the end of the input. */
  readonly #endsInBackground: boolean;
  /** The open terminal; undefined in the background. */
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

  /** Applied only while this process reads the terminal: in the background, the shell owns the terminal's modes. */
  setRawMode(raw: boolean): void {
    this.#raw = raw;
    if (native.terminalStanding(STDIN) === 'foreground') this.#terminal?.setRawMode(raw);
  }

  /** Stops the processes of this job, as Ctrl-Z does outside raw mode. */
  suspend(): void {
    this.#terminal?.setRawMode(false);
    process.kill(0, 'SIGTSTP');
  }

  /** A shell may have changed the modes, and written to the screen: the terminal is opened anew. */
  readonly #continued = (): void => {
    this.#close();
    this.#look();
  };

  /** Opens, leaves or ends the terminal, as it stands now. */
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
      this.#hangUp(); // it went away just now
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
