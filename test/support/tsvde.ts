// Starts the command tsvde.
import type { Namespace } from './namespace.ts';
import { type Started, type StartOptions, start, tsvde } from './process.ts';
import { temporaryDirectory } from './temporary.ts';
import { accepts } from './vde-switch.ts';

/** Starts a switch in `home`, on `home`/ctl; resolves when everything that its arguments name is open. */
export async function startTsvde(
  args: readonly string[] = [],
  { within, ...options }: StartOptions & { within?: Namespace } = {},
): Promise<{ started: Started; home: string; directory: string }> {
  const home = options.cwd ?? temporaryDirectory();
  const directory = `${home}/ctl`;
  const words = ['-s', directory, '--ready-fd', '3', ...args];
  const started = (within?.start.bind(within) ?? start)(tsvde, words, { ...options, tellsReady: true });
  await started.ready;
  if (!(await accepts(`${directory}/ctl`))) throw new Error(`no switch on ${directory}: ${started.stderr()}`);
  return { started, home, directory };
}
