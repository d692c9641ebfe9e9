// Debian's vde_switch, the program that tests compare ours with.
import { connect } from 'node:net';
import { type Started, start } from './process.ts';
import { until } from './wait.ts';

/** Resolves when it accepts. Its stdin is held open: at the end of that it would exit. */
export async function startVdeSwitch(directory: string, args: readonly string[] = []): Promise<Started> {
  const started = start('vde_switch', ['-s', directory, ...args]);
  await until(() => accepts(`${directory}/ctl`), `vde_switch on ${directory}`);
  return started;
}

/** Does somebody listen there? */
export function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('error', () => resolve(false));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
}
