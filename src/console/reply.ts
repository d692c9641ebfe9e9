// What the console says: codes, the data block, the prompt. Programs parse these bytes; people read them too.
import { errnoNumber, strerror } from '../errno.ts';
import { SwitchError } from '../protocol/errors.ts';

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

/** `1000 Success`, or `1EEE` and libc's words. */
export function result(error?: SwitchError): string {
  if (!error) return `${SUCCESS}\n`;
  const number = errnoNumber(error.code);
  return `1${String(number).padStart(3, '0')} ${strerror(number)}\n`;
}

/** The frame around data stands also where a command fails: then what was printed so far, or nothing, is in it. */
export function dataBlock(lines: Iterable<string>): string {
  let text = "0000 DATA END WITH '.'\n";
  let failure: SwitchError | undefined;
  try {
    for (const line of lines) text += `${line}\n`;
  } catch (error) {
    if (!(error instanceof SwitchError)) throw error;
    failure = error;
  }
  return `${text}.\n${result(failure)}`;
}

/** A client's words on one line: what could end the line, the block or the terminal's patience is written as \xNN. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
