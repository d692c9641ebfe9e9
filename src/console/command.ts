// What a command is: a row of its menu's table. Help, replies and errors follow from the row.
import type { Log } from '../log.ts';
import type { Switch } from '../switch.ts';
import type { Plugins } from './plugins.ts';
import type { Lines, Reply } from './reply.ts';
import type { Subscriber, Subscriptions } from './subscriptions.ts';

/** What the commands work on; one for all sessions of a process. */
export interface ConsoleContext {
  switch: Switch;
  subscriptions: Subscriptions;
  plugins: Plugins;
  /** `2.3.3+tsvde.0.1.0` */
  version: string;
  /** The management socket, where there is one. */
  management?: { path: string; mode: number };
  log: Log;
  /** Ends the process, after its clean-up. */
  shutdown(): void;
}

/** Who gave the command: one who may leave, the terminal that the switch runs at, or a file, which ends nothing. */
export interface Invoker {
  kind: 'session' | 'terminal' | 'script';
  /** Where debug lines go; nowhere for the rc file. */
  subscriber?: Subscriber | undefined;
  /** Shows something before the reply is whole. */
  say: Say;
  /** Runs a script file, and says each of its lines and replies: to the invoker, or to `say`. */
  runFile(path: string, say?: Say): Promise<Step[]>;
  /** Ends the session when the reply is out, and then does what is to follow. */
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
