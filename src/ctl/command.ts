// One command for a program: its data on stdout, its errno as the exit code, its words on stderr.
import { constants } from 'node:os';
import { ExitError } from '../system/exit-error.ts';
import type { ConsoleClient } from './console-client.ts';
import type { ConsoleReply } from './reply-reader.ts';

export interface CommandOptions {
  /** Errnos that are as good as success. */
  ignore?: readonly number[];
  json?: boolean;
}

/** Names of what the console answers to a command that it does not know. */
const ENOSYS = 38;

/** Writes what the command shows. Throws ExitError when it failed, with the errno as its code. */
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
  const [, name = 'it'] = /^\s*(.*?)\s*$/m.exec(greeting) ?? [];
  return `the console on '${path}' has no JSON, being no tsvde (${name}): ask without --json`;
}

function sentenceIn(line: string | undefined): string {
  const { message } = JSON.parse(line ?? '{}') as { message?: string };
  return message ?? 'failed';
}

const ERRNOS = new Map(Object.entries(constants.errno));

/** Parses a comma-separated list of errno names and numbers, `EEXIST,6`. Throws ExitError with `exitCode` for anything else. */
export function parseErrnos(text: string, exitCode: number): number[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const number = /^\d{1,3}$/.test(word) ? Number(word) : ERRNOS.get(word.toUpperCase());
      if (number !== undefined) return number;
      throw new ExitError(exitCode, `'${word}' is no error: name it like EEXIST or 17`);
    });
}
