// One line of the console, from its words to its whole reply; and files of such lines.
import { constants, open } from 'node:fs/promises';
import { type ErrnoName, SwitchError } from '../protocol/errors.ts';
import { describeError } from '../system/errno.ts';
import type { Command, ConsoleContext, Invoker, Step } from './command.ts';
import { parseLine } from './parse.ts';
import { codeLine, dataBlock, dataBlockOf, failureOf, printable, type Reply, result, textOf } from './reply.ts';

/** Scripts may load scripts, but not themselves for ever. */
const LOAD_DEPTH_MAX = 8;
const SCRIPT_MAX = 1 << 20;

const silent = async () => {};

const unknownCommand = new SwitchError('ENOSYS', 'there is no such command');
const unexpected = new SwitchError('EIO', 'the command failed in a way that was not foreseen: the log says how');

/** The reply; nothing for an empty line or a comment. What no command should throw costs no more than its reply. */
export async function execute(line: string, context: ConsoleContext, invoker: Invoker): Promise<Reply | undefined> {
  const parsed = parseLine(line);
  if (!parsed) return undefined;
  const command = findCommand(parsed.path, context);
  if (!command) return result(unknownCommand);
  try {
    return await carryOut(command, parsed.argument, context, invoker);
  } catch (error) {
    context.log(printable(`'${line}' failed: ${inOneLine(error)}`), 'warning');
    return result(unexpected);
  }
}

/** Executes a line, and the lines of scripts that it loads, without showing anything before the reply. */
export function executeSilently(line: string, context: ConsoleContext, invoker: Invoker): Promise<Reply | undefined> {
  const runFile = (path: string) => invoker.runFile(path, silent);
  return execute(line, context, { ...invoker, say: silent, runFile });
}

function findCommand(path: string, { menus }: ConsoleContext): Command | undefined {
  for (const { commands } of menus) {
    const found = commands.find((command) => command.path === path);
    if (found) return found;
  }
  return undefined;
}

async function carryOut(
  command: Command,
  argument: string,
  context: ConsoleContext,
  invoker: Invoker,
): Promise<Reply | undefined> {
  if ('answer' in command) return command.answer(argument, context, invoker);
  if ('print' in command) return dataBlock(command.print(argument, context, invoker), command);
  if ('show' in command) return dataBlockOf(() => command.show(argument, context, invoker), command.format);
  return result(await failureOf(() => command.run(argument, context, invoker)));
}

/** Runs a file of commands: says the echo of each line, and its reply. Throws SwitchError when it cannot be read. */
export async function runFile(
  path: string,
  context: ConsoleContext,
  { subscriber, say }: Pick<Invoker, 'subscriber' | 'say'>,
  depth = 1,
): Promise<Step[]> {
  if (depth > LOAD_DEPTH_MAX)
    throw new SwitchError('EINVAL', `'${path}': scripts load each other more than ${LOAD_DEPTH_MAX} deep`);
  const invoker: Invoker = {
    kind: 'script',
    subscriber,
    say,
    end: () => {},
    execute: (line) => executeSilently(line, context, invoker),
    runFile: (inner, others = say) => runFile(inner, context, { subscriber, say: others }, depth + 1),
  };
  const steps: Step[] = [];
  for (const line of await readScript(path)) {
    await say(`vde[${path}]: ${line}
`);
    const reply = await execute(line, context, invoker);
    await say(textOf(reply));
    steps.push({ line, reply });
  }
  return steps;
}

/** At start: replies are not wanted, and what fails is logged and does not stop what follows; its being `over` does. */
export async function runStartupFile(path: string, context: ConsoleContext, over: () => boolean): Promise<void> {
  await runLines(path, context, () => !over());
}

/** Once more: only the lines that say how something is to be; what is so already is no failure. */
export async function runDeclarations(path: string, context: ConsoleContext): Promise<void> {
  const declares = (line: string) => {
    const parsed = parseLine(line);
    const declared = parsed && findCommand(parsed.path, context)?.declares;
    return typeof declared === 'function' ? declared(parsed!.argument) : declared === true;
  };
  await runLines(path, context, declares, ['EEXIST']);
}

async function runLines(
  path: string,
  context: ConsoleContext,
  wanted: (line: string) => boolean,
  accepted: readonly ErrnoName[] = [],
): Promise<void> {
  const invoker: Invoker = {
    kind: 'script',
    say: silent,
    end: () => {},
    execute: (line) => execute(line, context, invoker),
    runFile: async () => [],
  };
  for (const [i, line] of (await readScript(path)).entries()) {
    if (!wanted(line)) continue;
    const error = (await execute(line, context, invoker))?.error;
    if (error && !accepted.includes(error.code))
      context.log(`${path}:${i + 1}: '${line}': ${codeLine(error)}`, 'warning');
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
    const text = await file.readFile('utf8').catch((error) => {
      throw new SwitchError('EIO', `cannot read '${path}': ${describeError(error)}`);
    });
    return text.replace(/\n$/, '').split('\n');
  } finally {
    await file.close();
  }
}

/** With the places in our code that it passed. */
function inOneLine(error: unknown): string {
  const { stack = String(error) } = error as Error;
  return stack.replaceAll(/\n\s*/g, ' ');
}
