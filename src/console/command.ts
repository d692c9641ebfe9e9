// The types of console commands. A command is a row of its menu's table; its help line and the data block of its
// reply are derived from the row.

import type { Switch } from '../switch/switch.ts';
import type { Log } from '../system/log.ts';
import type { Lines, Reply } from './reply.ts';
import type { Subscriber, Subscriptions } from './subscriptions.ts';

/** The state that commands act on, shared by all sessions of a process. */
export interface ConsoleContext {
  switch: Switch;
  /** The menus in the order of `help`; menus of loaded plugins come last. */
  readonly menus: readonly Menu[];
  subscriptions: Subscriptions;
  plugins: PluginSet;
  /** `2.3.3+tsvde.0.2.0` */
  version: string;
  /** The management socket, if there is one. */
  management?: { path: string; mode: number };
  /** The address that metrics are served on, if they are. */
  metrics?: string;
  log: Log;
  /** Closes everything, then ends the process. */
  shutdown(): void;
}

/** The built-in plugins, of which any number may be loaded. */
export interface PluginSet {
  /** The menus of the loaded plugins, in the order of loading. */
  readonly menus: readonly Menu[];
  /** Returns the loaded plugins whose names begin with `prefix`. */
  list(prefix: string): readonly { name: string; help: string }[];
  /** Returns the built-in plugins whose names begin with `prefix`, loaded or not. */
  available(prefix: string): readonly { name: string; help: string }[];
  /** Loads a plugin by its name or its file name in vde2. Throws EEXIST if it is loaded, EINVAL for other libraries. */
  add(library: string, context: ConsoleContext): void;
  /** Unloads the first plugin whose name begins with `prefix`. Throws ENOENT if there is none. */
  remove(prefix: string, context: ConsoleContext): void;
  /** Makes plugins reopen their files, which may have been rotated. */
  reopen(): void;
  close(): void;
}

/**
 * The source of a command: a session, the terminal that the switch was started from, or a script. A script can end
 * neither a session nor the switch.
 */
export interface Invoker {
  kind: 'session' | 'terminal' | 'script';
  /** The receiver of debug lines; absent for the rc file. */
  subscriber?: Subscriber | undefined;
  /** Shows text before the reply is complete. */
  say: Say;
  /** Executes another line for the same invoker without showing anything before its reply. */
  execute(line: string): Promise<Reply | undefined>;
  /** Runs a script file and shows each line and its reply by `say`, by default the invoker's own. */
  runFile(path: string, say?: Say): Promise<Step[]>;
  /** Ends the session once the reply is written, and then calls `afterwards`. */
  end(afterwards?: () => void): void;
}

export type Say = (text: string) => Promise<void>;

/** A line of a script and the reply to it. */
export interface Step {
  line: string;
  reply: Reply | undefined;
}

interface Row {
  /** The full name, such as `port/print`. */
  path: string;
  syntax: string;
  help: string;
  /** Whether the command, with this argument, is declarative and idempotent: SIGHUP replays only such rc file lines. */
  declares?: true | ((argument: string) => boolean);
}

/** A command whose reply is only a code. `run` throws SwitchError for any code but 1000. */
interface Doing extends Row {
  run(argument: string, context: ConsoleContext, invoker: Invoker): void | Promise<void>;
}

/** A command whose reply is a data block and a code. JSON shows the items, text the lines `format` makes of them. */
interface Printing<Item> extends Row {
  /** The lines above the items in the text. */
  heading?: readonly string[];
  print(argument: string, context: ConsoleContext, invoker: Invoker): Iterable<Item> | AsyncIterable<Item>;
  format(item: Item): Lines;
}

/** A command that shows one item, or nothing if `show` returns undefined, in a data block. */
interface Showing<Item> extends Row {
  show(argument: string, context: ConsoleContext, invoker: Invoker): Item | undefined;
  format(item: Item): Lines;
}

/** A printing command whose items are the lines themselves. */
interface PrintingLines extends Omit<Printing<string>, 'format'> {
  format?: never;
}

/** A command that builds its whole reply; undefined sends nothing. */
interface Answering extends Row {
  answer(argument: string, context: ConsoleContext, invoker: Invoker): Reply | undefined | Promise<Reply | undefined>;
}

export type Command = Doing | Printing<unknown> | Showing<unknown> | PrintingLines | Answering;

/** Checks, while the item's type is known, that the row's `format` accepts what its `print` yields. */
export function printing<Item>(row: Printing<Item>): Command {
  return row as Printing<unknown>;
}

/** Checks that the row's `format` accepts what its `show` returns. */
export function showing<Item>(row: Showing<Item>): Command {
  return row as Showing<unknown>;
}

export interface Menu {
  /** If undefined, `help` lists the commands without a heading. */
  name?: string;
  title?: string;
  commands: readonly Command[];
}
