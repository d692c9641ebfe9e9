// Parses a console's output into replies. Only the prompt ends a reply: the transcript of a script contains many codes,
// and debug lines may appear between any two lines outside a data block.

const DATA = "0000 DATA END WITH '.'";
export const END_OF_SESSION = '9999 END OF SESSION';
const CODE = /^1(\d{3}) (.*)$/;
const DEBUG = /^3\d{3} /;
/** Matches the prompt, which is alone on the last line of the greeting: `vde$ `, `VDEwf$ `. */
export const PROMPT = /(?:^|\n)(\S{1,30}\$ )$/;
const GREETING_MAX = 4096; // characters

export interface ConsoleReply {
  /** The errno of the reply: 0 for success; undefined if there was no code, as after a comment. */
  errno: number | undefined;
  /** The message after the code. */
  words: string;
  /** The lines of the data block or of a script's transcript, without the lines that begin and end a block. */
  lines: string[];
  /** Whether the reply ended the session. */
  ended: boolean;
}

export type ConsoleEvent =
  | { type: 'greeting'; text: string }
  | { type: 'debug'; line: string }
  | { type: 'reply'; reply: ConsoleReply };

export class ReplyReader {
  #rest = '';
  #prompt: string | undefined;
  #inData = false;
  /**
   * The last code line read. It is the reply's own if only debug lines and at most one empty line come between it and
   * the prompt; otherwise it belongs to a script's transcript.
   */
  #code: string | undefined;
  #lines: string[] = [];
  /** Whether the last line was empty. If a prompt follows, the empty line belongs to the prompt. */
  #blank = false;

  /**
   * Yields the greeting, replies and debug lines that the text completes. Throws Error if the text cannot be a
   * console's.
   */
  *read(text: string): Iterable<ConsoleEvent> {
    this.#rest += text;
    if (this.#prompt === undefined) yield* this.#readGreeting();
    if (this.#prompt === undefined) return;
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) yield* this.#readLine(line);
    if (!this.#inData && this.#rest.startsWith(this.#prompt)) {
      this.#rest = this.#rest.slice(this.#prompt.length);
      yield this.#finish(false);
    }
  }

  /**
   * Yields the last reply once the console has closed the connection, since END OF SESSION is a reply without a prompt.
   */
  *end(): Iterable<ConsoleEvent> {
    if (!this.#rest.startsWith(END_OF_SESSION)) return;
    yield this.#finish(true);
  }

  *#readGreeting(): Iterable<ConsoleEvent> {
    const [, prompt] = PROMPT.exec(this.#rest) ?? [];
    if (prompt === undefined && this.#rest.length > GREETING_MAX)
      throw new Error(`no prompt in ${GREETING_MAX} characters`);
    if (prompt === undefined) return;
    yield { type: 'greeting', text: this.#rest.slice(0, -prompt.length) };
    this.#prompt = prompt;
    this.#rest = '';
  }

  *#readLine(line: string): Iterable<ConsoleEvent> {
    const prompt = this.#prompt!;
    if (this.#inData) {
      if (line === '.') this.#inData = false;
      else this.#lines.push(line);
    } else if (line.startsWith(prompt)) {
      yield this.#finish(false);
      yield* this.#readLine(line.slice(prompt.length));
    } else if (DEBUG.test(line)) {
      yield { type: 'debug', line };
    } else if (line === '' && !this.#blank) {
      this.#blank = true;
    } else {
      this.#keepTranscript();
      if (line === DATA) this.#inData = true;
      else if (CODE.test(line)) this.#code = line;
      else this.#lines.push(line);
    }
  }

  /** Adds the code line and the empty line to the transcript, since they turned out not to end the reply. */
  #keepTranscript(): void {
    if (this.#code !== undefined) this.#lines.push(this.#code);
    if (this.#blank) this.#lines.push('');
    this.#code = undefined;
    this.#blank = false;
  }

  #finish(ended: boolean): ConsoleEvent {
    const lines = this.#lines;
    const [, errno, words = ''] = CODE.exec(this.#code ?? '') ?? [];
    this.#code = undefined;
    this.#lines = [];
    this.#blank = false;
    return { type: 'reply', reply: { errno: errno === undefined ? undefined : Number(errno), words, lines, ended } };
  }
}
