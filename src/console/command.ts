// What a command is: a row of its menu's table. Help, replies and errors follow from the row.

import type { Switch } from '../switch/switch.ts';
import type { Log } from '../system/log.ts';
import type { Lines, Reply } from './reply.ts';
import type { Subscriber, Subscriptions } from './subscriptions.ts';

/** What commands work on; shared by all sessions of a process. */
export interface ConsoleContext {
  switch: Switch;
  /** In the order of `help`; those of loaded plugins come last. */
  readonly menus: readonly Menu[];
  subscriptions: Subscriptions;
  plugins: PluginSet;
  /** `2.3.3+tsvde.0.2.0` */
  version: string;
  /** The management socket, if there is one. */
  management?: { path: string; mode: number };
  log: Log;
  /** Ends the process after closing everything. */
  shutdown(): void;
}

/** The plugins that can be loaded into a console, and those that are. */
export interface PluginSet {
  /** Of the loaded plugins, in the order of loading. */
  readonly menus: readonly Menu[];
  /** The loaded plugins whose names begin with `prefix`. */
  list(prefix: string): readonly { name: string; help: string }[];
  /** By name, or by the file name that the plugin has in vde2. EEXIST; EINVAL for any other library. */
  add(library: string, context: ConsoleContext): void;
  /** Unloads the first plugin whose name begins with `prefix`. ENOENT. */
  remove(prefix: string, context: ConsoleContext): void;
  /** Makes plugins reopen their files, which may have been rotated. */
  reopen(): void;
  close(): void;
}

/** The source of a command: a session, the terminal that the switch was started from, or a script, which can end neither. */
export interface Invoker {
  kind: 'session' | 'terminal' | 'script';
  /** Where debug lines go; absent for the rc file. */
  subscriber?: Subscriber | undefined;
  /** Shows something before the reply is complete. */
  say: Say;
  /** Executes another line for the same invoker without showing anything before its reply. */
  execute(line: string): Promise<Reply | undefined>;
  /** Runs a script file and shows each of its lines and replies to the invoker, or to `say`. */
  runFile(path: string, say?: Say): Promise<Step[]>;
  /** Ends the session once the reply is written, and then calls `afterwards`. */
  end(afterwards?: () => void): void;
}

export type Say = (text: string) => Promise<void>;

/** A line of a script, and what came of it. */
export interface Step {
  line: string;
  reply: Reply | undefined;
}

interface Row {
  /** The whole name, `port/print`. */
  path: string;
  syntax: string;
  help: string;
  /** It says how something is to be, with this argument, and may be said again: what SIGHUP reads from the rc file. */
  declares?: true | ((argument: string) => boolean);
}

/** Its reply is a code; throws SwitchError for any but 1000. */
interface Doing extends Row {
  run(argument: string, context: ConsoleContext, invoker: Invoker): void | Promise<void>;
}

/** Its reply is a data block and a code. JSON shows the items as they are, the text as `format` writes them. */
interface Printing<Item> extends Row {
  /** Stands above them in the text. */
  heading?: readonly string[];
  print(argument: string, context: ConsoleContext, invoker: Invoker): Iterable<Item> | AsyncIterable<Item>;
  format(item: Item): Lines;
}

/** Likewise, of one thing, which may be not there. */
interface Showing<Item> extends Row {
  show(argument: string, context: ConsoleContext, invoker: Invoker): Item | undefined;
  format(item: Item): Lines;
}

/** Likewise, of what is nothing but lines. */
interface PrintingLines extends Omit<Printing<string>, 'format'> {
  format?: never;
}

/** Makes its reply itself; undefined: says nothing. */
interface Answering extends Row {
  answer(argument: string, context: ConsoleContext, invoker: Invoker): Reply | undefined | Promise<Reply | undefined>;
}

export type Command = Doing | Printing<unknown> | Showing<unknown> | PrintingLines | Answering;

/** A row whose `format` takes what its `print` yields: that is checked here, where the item's type is known. */
export function printing<Item>(row: Printing<Item>): Command {
  return row as Printing<unknown>;
}

/** A row whose `format` takes what its `show` returns. */
export function showing<Item>(row: Showing<Item>): Command {
  return row as Showing<unknown>;
}

export interface Menu {
  /** undefined: its commands stand alone in `help`. */
  name?: string;
  title?: string;
  commands: readonly Command[];
}
