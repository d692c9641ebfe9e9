// Debian's vde_switch, the program that tests compare ours with.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type Started, start } from './process.ts';
import { until } from './wait.ts';

/**
 * Resolves when it listens, also on its console (`-M`), without connecting to find out: a connection that closes while it
 * takes another makes it mix up the two. Its stdin is held open: at the end of that it would exit.
 */
export async function startVdeSwitch(directory: string, args: readonly string[] = []): Promise<Started> {
  const started = start('vde_switch', ['-s', directory, ...args]);
  const console = args[args.indexOf('-M') + 1];
  const sockets = [`${directory}/ctl`, ...(args.includes('-M') ? [console!] : [])];
  await until(() => sockets.every(listens), `vde_switch on ${directory}`);
  return started;
}

/** As the kernel has it: unix(7), the flag that a socket listens. */
export function listens(path: string): boolean {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return sockets.some((line) => line.endsWith(` ${path}`) && line.split(/ +/)[3] === '00010000');
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
