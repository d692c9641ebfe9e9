// A run of tsvde without a sub-command: parses the options, and then serves or starts a daemon that serves.
import { ExitError } from '../system/exit-error.ts';
import { type DaemonReport, startDaemon } from './daemon.ts';
import { parseOptions, type TsvdeOptions } from './options.ts';
import { type Behaviour, serve } from './serve.ts';

interface Run extends Behaviour {
  /** Set in the daemon process. */
  report: DaemonReport | undefined;
  /** Writes a sentence to stderr. */
  say(sentence: string): void;
}

/** Throws ExitError if the start fails, and after printing what --help and the like show. */
export async function run(argv: readonly string[], { report, say, ...behaviour }: Run): Promise<void> {
  const { name, tolerant } = behaviour;
  if (report && !report.optionsChecked) {
    const options = validDaemonOptions(argv, name);
    return options ? await serve(options, behaviour, report) : report.declined();
  }
  // The process that started the daemon has already reported invalid options, so the daemon does not.
  const options = parseOptions(argv, name, tolerant ? (report ? () => {} : say) : undefined);
  if (options.daemon && !report) startDaemon(argv, 'checked', say);
  else await serve(options, behaviour, report);
}

/** Returns the options; undefined if one of them is invalid, or if they do not ask for a daemon. */
function validDaemonOptions(argv: readonly string[], name: string): TsvdeOptions | undefined {
  try {
    const options = parseOptions(argv, name);
    return options.daemon ? options : undefined;
  } catch (error) {
    if (error instanceof ExitError) return undefined;
    throw error;
  }
}
