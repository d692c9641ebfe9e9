// tsvde as its users start it, on a control directory of its own.
import { type Started, type StartOptions, start, tsvde } from './process.ts';
import { temporaryDirectory } from './temporary.ts';
import { accepts } from './vde-switch.ts';
import { until } from './wait.ts';

export interface Running {
  process: Started;
  /** Where the test may put more files; the control directory is `ctl` in it. */
  home: string;
  directory: string;
}

/** Resolves when it accepts clients. */
export async function startTsvde(args: readonly string[] = [], options?: StartOptions): Promise<Running> {
  const home = temporaryDirectory();
  const directory = `${home}/ctl`;
  const started = start(tsvde, ['--sock', directory, ...args], options);
  await until(async () => (await accepts(`${directory}/ctl`)) || ended(started), 'ctl');
  return { process: started, home, directory };
}

function ended(started: Started): false {
  if (!started.running) throw new Error(`tsvde ended: ${started.stderr()}`);
  return false;
}
