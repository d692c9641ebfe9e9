// Console replies: codes, data blocks, the prompt. Programs parse the text, so it equals vde_switch's byte for byte. A
// reply keeps its data beside its text until it is written, so that any reply can be written as JSON.

import { SwitchError } from '../protocol/errors.ts';
import { printable, printableJson } from '../protocol/printable.ts';
import { strerror } from '../protocol/strerror.ts';
import { errnoNumber } from '../system/errno.ts';

export { printable };

export const PROMPT = '\nvde$ ';
export const SUCCESS = '1000 Success';
export const END_OF_SESSION = '9999 END OF SESSION';

/**
 * Returns the greeting of a session, with the first prompt. Programs look for `V.` and a version; scripts compare the
 * version with vde_switch's.
 */
export function greeting(version: string): string {
  return `${versionLines(version).join('\n')}\n${PROMPT}`;
}

export function versionLines(version: string): string[] {
  return [`VDE switch V.${version}`, 'tsvde - MIT licence'];
}

export interface Reply {
  /** The data for JSON: an item, a list of items, or null if the command shows nothing. */
  data: unknown;
  /** The data as the text of a data block: everything before the code. */
  text: string;
  error?: SwitchError | undefined;
  /** Set if the reply ends the session. */
  last?: true;
}

/** One line, or several. */
export type Lines = string | Iterable<string>;

export interface BlockOptions<Item> {
  heading?: readonly string[];
  format?(item: Item): Lines;
}

/** Returns a reply that is only a code. */
export function result(error?: SwitchError): Reply {
  return { data: null, text: '', error };
}

/** Returns a data block of items. If producing them fails, the block has the items produced so far, perhaps none. */
export async function dataBlock<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  { heading = [], format = String }: BlockOptions<Item> = {},
): Promise<Reply> {
  const data: Item[] = [];
  const lines = [...heading];
  const error = await failureOf(async () => {
    for await (const item of items) {
      data.push(item);
      lines.push(...linesOf(format(item)));
    }
  });
  return { data, text: frame(lines), error };
}

/** Returns a data block of one item, or an empty block if `find` returns undefined. */
export async function dataBlockOf<Item>(find: () => Item | undefined, format: (item: Item) => Lines): Promise<Reply> {
  let data: Item | undefined;
  const error = await failureOf(() => {
    data = find();
  });
  return { data: data ?? null, text: frame(data === undefined ? [] : linesOf(format(data))), error };
}

/**
 * Returns the SwitchError that the action throws, or undefined. The engine's refusal for want of memory becomes a
 * SwitchError. Other exceptions propagate.
 */
export async function failureOf(action: () => void | Promise<void>): Promise<SwitchError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (error instanceof SwitchError) return error;
    if ((error as NodeJS.ErrnoException).code === 'ENOMEM')
      return new SwitchError('ENOMEM', 'no memory is left for this');
    throw error;
  }
}

/** Returns the text of a reply. If `explained`, the error's sentence follows its code, in place of libc's message. */
export function textOf(reply: Reply | undefined, explained = false): string {
  if (!reply) return '';
  const { error } = reply;
  const line = error && explained ? `${codeLine(error).slice(0, 4)} ${inWords(error)}` : codeLine(error);
  return reply.text + (reply.last ? END_OF_SESSION : `${line}\n`);
}

/** Returns `1000 Success` or, for an error, 1 followed by the errno in three digits and libc's message. */
export function codeLine(error?: SwitchError): string {
  if (!error) return SUCCESS;
  const number = errnoNumber(error.code);
  return `1${String(number).padStart(3, '0')} ${strerror(number)}`;
}

/** Returns a sentence such as `port 99 is not one of 1 to 32 (EINVAL)`. */
export function inWords({ message, code }: SwitchError): string {
  return `${printable(message)} (${code})`;
}

/** Returns the same reply with its data as one line of JSON. The code stays the same. */
export function asJson(reply: Reply): Reply {
  const data = plain(reply);
  return { ...reply, data, text: frame([printableJson(data)]) };
}

/** Returns a reply as an object for JSON; tsvdectl(1) documents its members. */
export function plain({ data, error, last }: Reply): object {
  const line = last ? END_OF_SESSION : codeLine(error);
  return {
    code: Number.parseInt(line, 10),
    errno: error?.code ?? null,
    message: error?.message ?? line.slice(5),
    data,
  };
}

function frame(lines: Iterable<string>): string {
  let text = "0000 DATA END WITH '.'\n";
  for (const line of lines) text += `${line}\n`;
  return `${text}.\n`;
}

function linesOf(lines: Lines): Iterable<string> {
  return typeof lines === 'string' ? [lines] : lines;
}
