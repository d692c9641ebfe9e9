// What the console says: codes, the data block, the prompt. Programs parse these bytes; people read them too. A reply is kept
// as data beside its text until it goes out, and can go out as JSON.

import { SwitchError } from '../protocol/errors.ts';
import { errnoNumber, strerror } from '../system/errno.ts';

export { printable } from '../protocol/printable.ts';

export const PROMPT = '\nvde$ ';
export const SUCCESS = '1000 Success';
export const END_OF_SESSION = '9999 END OF SESSION';

/** Programs look for `V.` and a version; scripts compare it with what vde_switch has. */
export function banner(version: string): string {
  return `${versionLines(version).join('\n')}\n\n`;
}

export function versionLines(version: string): string[] {
  return [`VDE switch V.${version}`, 'tsvde - MIT licence'];
}

export interface Reply {
  /** For JSON: null where a command has nothing to show, a thing, or a list of things. */
  data: unknown;
  /** The same as text, with its frame: all that stands before the code. */
  text: string;
  error?: SwitchError | undefined;
  /** It ends the session. */
  last?: true;
}

/** One line, or several. */
export type Lines = string | Iterable<string>;

export interface BlockOptions<Item> {
  heading?: readonly string[];
  format?(item: Item): Lines;
}

/** A code alone. */
export function result(error?: SwitchError): Reply {
  return { data: null, text: '', error };
}

/** The frame around data stands also where a command fails: then what was printed so far, or nothing, is in it. */
export async function dataBlock<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  { heading = [], format = String }: BlockOptions<Item> = {},
): Promise<Reply> {
  const data: Item[] = [];
  const lines = [...heading];
  const error = await failureOf(async () => {
    for await (const item of items) {
      data.push(item);
      lines.push(...each(format(item)));
    }
  });
  return { data, text: frame(lines), error };
}

/** A data block about one thing. */
export async function dataBlockOf<Item>(find: () => Item | undefined, format: (item: Item) => Lines): Promise<Reply> {
  let data: Item | undefined;
  const error = await failureOf(() => {
    data = find();
  });
  return { data: data ?? null, text: frame(data === undefined ? [] : each(format(data))), error };
}

/** Throws what is no SwitchError. */
export async function failureOf(action: () => void | Promise<void>): Promise<SwitchError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (error instanceof SwitchError) return error;
    throw error;
  }
}

export function textOf(reply: Reply | undefined): string {
  if (!reply) return '';
  return reply.text + (reply.last ? END_OF_SESSION : `${codeLine(reply.error)}\n`);
}

/** `1000 Success`, or `1EEE` and libc's words. */
export function codeLine(error?: SwitchError): string {
  if (!error) return SUCCESS;
  const number = errnoNumber(error.code);
  return `1${String(number).padStart(3, '0')} ${strerror(number)}`;
}

/** The same reply with all of it as one line of JSON in its data block; its code stays. */
export function asJson(reply: Reply): Reply {
  const data = plain(reply);
  return { ...reply, data, text: frame([stringify(data)]) };
}

/** What JSON shows of a reply; the man page promises these names. */
export function plain({ data, error, last }: Reply): object {
  const line = last ? END_OF_SESSION : codeLine(error);
  return {
    code: Number.parseInt(line, 10),
    errno: error?.code ?? null,
    message: error?.message ?? line.slice(5),
    data,
  };
}

/** On one line, and safe on a terminal too. */
function stringify(value: unknown): string {
  const text = JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? Number(item) : item));
  return text.replace(/[\x7f-\x9f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}

function frame(lines: Iterable<string>): string {
  let text = "0000 DATA END WITH '.'\n";
  for (const line of lines) text += `${line}\n`;
  return `${text}.\n`;
}

function each(lines: Lines): Iterable<string> {
  return typeof lines === 'string' ? [lines] : lines;
}
