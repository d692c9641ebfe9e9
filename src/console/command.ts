// What a command is: a row of its menu's table. Help, replies and errors follow from the row.
import type { Log } from '../log.ts';
import type { Switch } from '../switch.ts';
import type { Plugins } from './plugins.ts';
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
  /** Runs a script file and returns its echo and replies. */
  runFile(path: string): Promise<string>;
  /** Ends the session when the reply is out, and then does what is to follow. */
  end(afterwards?: () => void): void;
}

interface Row {
  /** The whole name, `port/print`. */
  path: string;
  syntax: string;
  help: string;
  /** It says how something is to be, and may be said again: what SIGHUP reads from the rc file. */
  declares?: true;
}

/** Its reply is a code; throws SwitchError for any but 1000. */
interface Doing extends Row {
  run(argument: string, context: ConsoleContext, invoker: Invoker): void | Promise<void>;
}

/** Its reply is a data block and a code. */
interface Printing extends Row {
  print(argument: string, context: ConsoleContext, invoker: Invoker): Iterable<string>;
}

/** Makes its whole reply itself. */
interface Answering extends Row {
  answer(argument: string, context: ConsoleContext, invoker: Invoker): string | Promise<string>;
}

export type Command = Doing | Printing | Answering;

export interface Menu {
  /** undefined: its commands stand alone in `help`. */
  name?: string;
  title?: string;
  commands: readonly Command[];
}
