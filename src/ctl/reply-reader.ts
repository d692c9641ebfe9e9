// What a console says, from text to replies. A reply ends at the prompt and nowhere else: a script's transcript has many codes
// in it, and debug lines may stand between any two lines outside of a data block.

const DATA = "0000 DATA END WITH '.'";
const END_OF_SESSION = '9999 END OF SESSION';
const CODE = /^1(\d{3}) (.*)$/;
const DEBUG = /^3\d{3} /;
/** Stands alone at the end of what is said at first: `vde$ `, `VDEwf$ `. */
const PROMPT = /(?:^|\n)(\S{1,30}\$ )$/;
const GREETING_MAX = 4096; // characters

export interface ConsoleReply {
  /** 0 for success; undefined where the console said nothing, as after a comment. */
  errno: number | undefined;
  /** What the code says in words. */
  words: string;
  /** The lines of its data, or of a script's transcript, without the frame. */
  lines: string[];
  /** The console has ended the session with it. */
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
  /** The last code, which is the reply's if no other follows. */
  #code: string | undefined;
  #lines: string[] = [];
  /** An empty line, which belongs to the prompt if that follows. */
  #blank = false;

  /** Throws Error when this cannot be a console. */
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

  /** The console has closed the connection: that is a reply too, when it was said. */
  *end(): Iterable<ConsoleEvent> {
    if (!this.#rest.startsWith(END_OF_SESSION)) return;
    yield this.#finish(true);
  }

  *#readGreeting(): Iterable<ConsoleEvent> {
    const [, prompt] = PROMPT.exec(this.#rest) ?? [];
    if (prompt === undefined && this.#rest.length > GREETING_MAX) throw new Error('it says much, and gives no prompt');
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
      this.#keep();
      if (line === DATA) this.#inData = true;
      else if (CODE.test(line)) this.#code = line;
      else this.#lines.push(line);
    }
  }

  /** That was not the end: a script's transcript goes on. */
  #keep(): void {
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
