// Executes console lines, and files that contain them. Unexpected exceptions are logged and answered with 1005 (EIO).
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type ErrnoName, SwitchError } from '../protocol/errors.ts';
import { nearestName } from '../protocol/nearest.ts';
import { describeError } from '../system/errno.ts';
import type { Command, ConsoleContext, Invoker, Step } from './command.ts';
import { includes, type Level } from './level.ts';
import { parseLine } from './parse.ts';
import { dataBlock, dataBlockOf, failureOf, inWords, printable, type Reply, result, textOf } from './reply.ts';

/** How deep scripts may load scripts. The limit stops a script that loads itself. */
const LOAD_DEPTH_MAX = 8;
const SCRIPT_MAX = 1 << 20;

const silent = async () => {};

const unexpected = new SwitchError('EIO', 'internal error: see the log');

/**
 * Executes a line. Returns the reply; or undefined for an empty line, for a comment, and for a command that only shows
 * something to a client that has gone.
 */
export async function execute(line: string, context: ConsoleContext, invoker: Invoker): Promise<Reply | undefined> {
  const parsed = parseLine(line);
  if (!parsed) return undefined;
  const command = findCommand(parsed.path, context);
  if (!command) return result(unknownCommand(parsed.path, context));
  try {
    const needed = command.levelOf?.(parsed.argument, context) ?? command.level;
    if (!includes(invoker.level, needed)) return result(levelTooLow(parsed.path, needed, invoker.level));
    // Commands that print may also change something; those of the level `look` do not.
    if (invoker.unread && needed === 'look' && ('print' in command || 'show' in command)) return undefined;
    return await carryOut(command, parsed.argument, context, invoker);
  } catch (error) {
    context.log(printable(`'${line}' failed: ${inOneLine(error)}`), 'warning');
    return result(unexpected);
  }
}

/** Executes a line, including any scripts that it loads, showing nothing before the reply. */
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

function unknownCommand(path: string, { menus }: ConsoleContext): SwitchError {
  const paths = menus.flatMap(({ commands }) => commands.map((command) => command.path));
  const nearest = nearestName(path, paths);
  const begun = paths.some((known) => known.startsWith(path)) ? ` ${path}` : '';
  const hint = nearest === undefined ? `help${begun} lists the commands` : `did you mean '${nearest}'?`;
  return new SwitchError('ENOSYS', `there is no command '${path}'; ${hint}`);
}

function levelTooLow(path: string, needed: Level, held: Level): SwitchError {
  const way = "connect as root or as the switch's user, or raise --mgmt-level";
  return new SwitchError('EPERM', `${path} needs the level '${needed}', and this session has '${held}': ${way}`);
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

/**
 * Runs a script, showing each line and then its reply. Throws SwitchError if the file cannot be read, or if too many
 * scripts are nested.
 */
export async function runFile(
  path: string,
  context: ConsoleContext,
  { level, subscriber, say, explained }: Pick<Invoker, 'level' | 'subscriber' | 'say' | 'explained'>,
  depth = 1,
): Promise<Step[]> {
  if (depth > LOAD_DEPTH_MAX)
    throw new SwitchError('EINVAL', `'${path}': scripts are nested more than ${LOAD_DEPTH_MAX} deep`);
  const invoker: Invoker = {
    kind: 'script',
    level,
    subscriber,
    explained,
    explain: () => {},
    say,
    end: () => {},
    execute: (line) => executeSilently(line, context, invoker),
    runFile: (inner, sayInner = say) =>
      runFile(inner, context, { level, subscriber, explained, say: sayInner }, depth + 1),
  };
  const steps: Step[] = [];
  for (const line of await readScript(path)) {
    await say(`vde[${path}]: ${line}
`);
    const reply = await execute(line, context, invoker);
    await say(textOf(reply, explained));
    steps.push({ line, reply });
  }
  return steps;
}

/** Runs the rc file at start, until `over` returns true. A line that fails is logged, and the next line follows. */
export async function runStartupFile(path: string, context: ConsoleContext, over: () => boolean): Promise<void> {
  await runLines(path, context, () => !over());
}

/** Runs the declarative lines of the rc file again. EEXIST is not a failure: what the line declares exists already. */
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
    level: 'full',
    explained: true, // the log shows the sentences of errors
    explain: () => {},
    say: silent,
    end: () => {},
    execute: (line) => execute(line, context, invoker),
    runFile: async () => [],
  };
  for (const [i, line] of (await readScript(path)).entries()) {
    if (!wanted(line)) continue;
    const error = (await execute(line, context, invoker))?.error;
    if (error && !accepted.includes(error.code))
      context.log(`${path}:${i + 1}: '${line}': ${inWords(error)}`, 'warning');
  }
}

/**
 * Reads the lines of a script. A directory reads as empty, as in vde_switch; pipes and devices, which could block, are
 * refused.
 */
async function readScript(path: string): Promise<string[]> {
  // Without O_NONBLOCK, open() would wait for a writer if the file is a pipe.
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
      throw new SwitchError('EINVAL', `'${path}' is not a regular file of at most ${SCRIPT_MAX} bytes`);
    const text = await file.readFile('utf8').catch((error) => {
      throw new SwitchError('EIO', `cannot read '${path}': ${describeError(error)}`);
    });
    return text.replace(/\n$/, '').split('\n');
  } finally {
    await file.close();
  }
}

/** Returns an error and its stack as one line. */
function inOneLine(error: unknown): string {
  const { stack = String(error) } = error as Error;
  return stack.replaceAll(/\n\s*/g, ' ');
}
