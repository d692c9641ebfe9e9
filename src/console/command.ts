// The types of console commands. A command is a row of its menu's table; its help line and the data block of its
// reply are derived from the row.

import type { Socket } from 'node:net';
import type { Switch } from '../switch/switch.ts';
import type { Log } from '../system/log.ts';
import type { Level } from './level.ts';
import type { Lines, Reply } from './reply.ts';
import type { Subscriber, Subscriptions } from './subscriptions.ts';

/** The state that commands act on, shared by all sessions of a console. */
export interface ConsoleContext {
  switch: Switch;
  /** The menus in the order of `help`; menus of loaded plugins come last. */
  readonly menus: readonly Menu[];
  subscriptions: Subscriptions;
  plugins: PluginSet;
  /** The version, such as `2.3.3+tsvde.0.2.0`. */
  version: string;
  /** The management socket; absent if there is none. */
  management?: { path: string; mode: number };
  /** The level of sessions on the management socket whose user is neither the switch's own user nor root. */
  level: Level;
  /** The address that metrics are served on; absent if they are not served. */
  metrics?: string;
  /** The address that the page is served on; absent if it is not served. */
  web?: string;
  log: Log;
  /** Carries out the command `shutdown`: tsvde closes everything and ends. */
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
  /**
   * Loads a plugin by its name, or by the name of its file in vde2. Throws EEXIST if it is loaded already, EINVAL if no
   * plugin has that name.
   */
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
  /** The level that the invoker holds: commands that need a higher one are refused. */
  readonly level: Level;
  /** The receiver of debug lines; absent while the rc file is run. */
  subscriber?: Subscriber | undefined;
  /** Whether replies to this invoker contain the sentences of errors, in place of libc's messages. */
  readonly explained: boolean;
  /**
   * Whether the client has gone, so that nobody reads the replies. Commands that only show something are then skipped.
   */
  readonly unread?: boolean;
  /** Sets `explained`; has no effect in a script. */
  explain(explained: boolean): void;
  /** Shows text before the reply is complete. */
  say: Say;
  /** Executes another line for the same invoker, showing nothing before its reply. */
  execute(line: string): Promise<Reply | undefined>;
  /**
   * Runs a script file, and shows each line and its reply through `say`, which is by default the invoker's own `say`.
   */
  runFile(path: string, say?: Say): Promise<Step[]>;
  /** Ends the session once the reply is written, and then calls `afterwards`. */
  end(afterwards?: () => void): void;
  /**
   * Ends the session as end() does, but keeps its connection open: calls `take` with a duplicate of the connection's
   * descriptor, which `take` then owns. Absent if the invoker is not a session with a connection of its own.
   */
  giveAway?: ((take: (fd: number) => void) => void) | undefined;
  /**
   * Lets `run` use the connection once the reply is written, and ends the session when `run` resolves. Absent in the
   * same cases as giveAway.
   */
  takeOver?: ((run: (connection: Socket) => Promise<void>) => void) | undefined;
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
  /** The level that the command needs; with `levelOf`, the highest that any argument needs. */
  level: Level;
  /** Returns the level that the command needs with this argument. */
  levelOf?(argument: string, context: ConsoleContext): Level;
  /**
   * Whether the command is declarative and idempotent: with every argument (true), or with those for which the function
   * returns true. SIGHUP replays only such lines of the rc file.
   */
  declares?: true | ((argument: string) => boolean);
}

/** A command whose reply is only a code. `run` throws a SwitchError for any other code than 1000. */
interface Doing extends Row {
  run(argument: string, context: ConsoleContext, invoker: Invoker): void | Promise<void>;
}

/**
 * A command whose reply is a data block and a code. JSON shows the items; text shows the lines that `format` makes of
 * them.
 */
interface Printing<Item> extends Row {
  /** Lines that precede the items in the text. */
  heading?: readonly string[];
  print(argument: string, context: ConsoleContext, invoker: Invoker): Iterable<Item> | AsyncIterable<Item>;
  format(item: Item): Lines;
}

/** A command whose data block shows one item, or nothing if `show` returns undefined. */
interface Showing<Item> extends Row {
  show(argument: string, context: ConsoleContext, invoker: Invoker): Item | undefined;
  format(item: Item): Lines;
}

/** A printing command whose items are the lines themselves. */
interface PrintingLines extends Omit<Printing<string>, 'format'> {
  format?: never;
}

/** A command that builds its whole reply. If `answer` returns undefined, the reply is empty. */
interface Answering extends Row {
  answer(argument: string, context: ConsoleContext, invoker: Invoker): Reply | undefined | Promise<Reply | undefined>;
}

export type Command = Doing | Printing<unknown> | Showing<unknown> | PrintingLines | Answering;

/** Returns the row as a command. The compiler checks here that the row's `format` accepts what its `print` yields. */
export function printing<Item>(row: Printing<Item>): Command {
  return row as Printing<unknown>;
}

/** Returns the row as a command. The compiler checks here that the row's `format` accepts what its `show` returns. */
export function showing<Item>(row: Showing<Item>): Command {
  return row as Showing<unknown>;
}

export interface Menu {
  /** The menu's name; if undefined, `help` lists the commands without a heading. */
  name?: string;
  title?: string;
  commands: readonly Command[];
}
