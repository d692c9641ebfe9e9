// One line of the console, from its words to its whole reply; and files of such lines.
import { constants, open } from 'node:fs/promises';
import { describeError } from '../errno.ts';
import { SwitchError } from '../protocol/errors.ts';
import type { ConsoleContext, Invoker } from './command.ts';
import { findCommand } from './menus.ts';
import { parseLine } from './parse.ts';
import { dataBlock, result, SUCCESS } from './reply.ts';
import type { Subscriber } from './subscriptions.ts';

/** Scripts may load scripts, but not themselves for ever. */
const LOAD_DEPTH_MAX = 8;
const SCRIPT_MAX = 1 << 20;

const unknownCommand = new SwitchError('ENOSYS', 'there is no such command');

/** The reply, without a prompt; nothing for an empty line or a comment. */
export async function execute(line: string, context: ConsoleContext, invoker: Invoker): Promise<string> {
  const parsed = parseLine(line);
  if (!parsed) return '';
  const command = findCommand(parsed.path, context);
  if (!command) return result(unknownCommand);
  if ('answer' in command) return command.answer(parsed.argument, context, invoker);
  if ('print' in command) return dataBlock(command.print(parsed.argument, context, invoker));
  try {
    await command.run(parsed.argument, context, invoker);
    return result();
  } catch (error) {
    if (error instanceof SwitchError) return result(error);
    throw error;
  }
}

/** Runs a file of commands: the echo of each line and its reply. Throws SwitchError when it cannot be read. */
export async function runFile(
  path: string,
  context: ConsoleContext,
  subscriber: Subscriber,
  depth = 1,
): Promise<string> {
  if (depth > LOAD_DEPTH_MAX)
    throw new SwitchError('EINVAL', `'${path}': scripts load each other more than ${LOAD_DEPTH_MAX} deep`);
  const invoker: Invoker = {
    kind: 'script',
    subscriber,
    end: () => {},
    runFile: (inner) => runFile(inner, context, subscriber, depth + 1),
  };
  let transcript = '';
  for (const line of await readScript(path)) {
    transcript += `vde[${path}]: ${line}\n`;
    transcript += await execute(line, context, invoker);
  }
  return transcript;
}

/** At start: replies are not wanted, and what fails is logged and does not stop what follows. */
export async function runStartupFile(path: string, context: ConsoleContext): Promise<void> {
  await runLines(path, context, () => true);
}

/** Once more: only the lines that say how something is to be; what is so already is no failure. */
export async function runDeclarations(path: string, context: ConsoleContext): Promise<void> {
  const declares = (line: string) => {
    const parsed = parseLine(line);
    return parsed !== undefined && findCommand(parsed.path, context)?.declares === true;
  };
  await runLines(path, context, declares, [new SwitchError('EEXIST', '')]);
}

async function runLines(
  path: string,
  context: ConsoleContext,
  wanted: (line: string) => boolean,
  accepted: readonly SwitchError[] = [],
): Promise<void> {
  const invoker: Invoker = { kind: 'script', end: () => {}, runFile: async () => '' };
  const successes = [SUCCESS, ...accepted.map((error) => result(error).trimEnd())];
  for (const [i, line] of (await readScript(path)).entries()) {
    if (!wanted(line)) continue;
    const code = /(?:^|\n)(1\d{3} .*)\n$/.exec(await execute(line, context, invoker))?.[1];
    if (code !== undefined && !successes.includes(code)) context.log(`${path}:${i + 1}: '${line}': ${code}`, 'warning');
  }
}

/** A directory reads as nothing, as ever; a pipe or a device would keep us waiting, and is refused. */
async function readScript(path: string): Promise<string[]> {
  // A pipe that nobody writes to would be waited for at open already.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    throw new SwitchError(
      error.code === 'EACCES' ? 'EACCES' : 'ENOENT',
      `cannot open '${path}': ${describeError(error)}`,
    );
  });
  try {
    const found = await file.stat();
    if (found.isDirectory() || (found.isFile() && found.size === 0)) return [];
    if (!found.isFile() || found.size > SCRIPT_MAX)
      throw new SwitchError('EINVAL', `'${path}' is not a file of commands`);
    return (await file.readFile('utf8')).replace(/\n$/, '').split('\n');
  } finally {
    await file.close();
  }
}
