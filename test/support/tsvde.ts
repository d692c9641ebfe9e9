// The command, started and serving.
import { type Started, type StartOptions, start, tsvde } from './process.ts';
import { temporaryDirectory } from './temporary.ts';
import { accepts } from './vde-switch.ts';
import { until } from './wait.ts';

/** In `home`, on `home`/ctl; resolves when it accepts clients. */
export async function startTsvde(
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<{ started: Started; home: string; directory: string }> {
  const home = options.cwd ?? temporaryDirectory();
  const directory = `${home}/ctl`;
  const started = start(tsvde, ['-s', directory, ...args], options);
  await until(
    () => accepts(`${directory}/ctl`),
    () => `a switch on ${directory}, which says: ${started.stderr()}`,
  );
  return { started, home, directory };
}
