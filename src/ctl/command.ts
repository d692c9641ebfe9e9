// Runs one console command for a program: the data goes to stdout, the message to stderr, and the errno becomes the
// exit code.
import { constants } from 'node:os';
import { ExitError } from '../system/exit-error.ts';
import type { ConsoleClient } from './console-client.ts';
import type { ConsoleReply } from './reply-reader.ts';

export interface CommandOptions {
  /** Errnos that count as success. */
  ignore?: readonly number[];
  json?: boolean;
}

/** The errno with which a console replies to an unknown command. */
const ENOSYS = 38;

/**
 * Sends a command and writes the data of its reply. Throws ExitError, with the errno as its code, if the command
 * failed.
 */
export async function giveCommand(
  client: ConsoleClient,
  line: string,
  write: (text: string) => void,
  { ignore = [], json = false }: CommandOptions = {},
): Promise<ConsoleReply> {
  const reply = await client.ask(json ? `json ${line}` : line);
  const { errno = 0, words, lines } = reply;
  if (json && errno === ENOSYS && lines.length === 0) throw new ExitError(ENOSYS, noJson(client));
  write(lines.map((text) => `${text}\n`).join(''));
  if (errno === 0 || ignore.includes(errno)) return reply;
  throw new ExitError(errno, `${line}: ${json ? sentenceIn(lines[0]) : words}`);
}

function noJson({ path, greeting }: ConsoleClient): string {
  const [, name = 'unknown'] = /^\s*(.*?)\s*$/m.exec(greeting) ?? [];
  return `the console on '${path}' has no JSON, since it is not tsvde (${name}): omit --json`;
}

function sentenceIn(line: string | undefined): string {
  const { message = 'failed', errno } = JSON.parse(line ?? '{}') as { message?: string; errno?: string };
  return errno ? `${message} (${errno})` : message;
}

const ERRNOS = new Map(Object.entries(constants.errno));

/** Parses a list of errno names and numbers, `EEXIST,6`. Throws ExitError with `exitCode` for anything else. */
export function parseErrnos(text: string, exitCode: number): number[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const number = /^\d{1,3}$/.test(word) ? Number(word) : ERRNOS.get(word.toUpperCase());
      if (number !== undefined) return number;
      throw new ExitError(exitCode, `'${word}' is not an errno: give names or numbers, such as EEXIST,17`);
    });
}
