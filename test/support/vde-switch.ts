// Debian's vde_switch, the program that the tests compare tsvde with.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type Started, start } from './process.ts';
import { until } from './wait.ts';

/**
 * Starts vde_switch and resolves when it listens, also on its console (`-M`). The function does not connect to find
 * that out: a connection that closes while vde_switch accepts another makes vde_switch mix up the two. The stdin of
 * vde_switch stays open, since vde_switch exits at the end of its stdin.
 */
export async function startVdeSwitch(directory: string, args: readonly string[] = []): Promise<Started> {
  const started = start('vde_switch', ['-s', directory, ...args]);
  const console = args[args.indexOf('-M') + 1];
  const sockets = [`${directory}/ctl`, ...(args.includes('-M') ? [console!] : [])];
  await until(() => sockets.every(listens), `vde_switch on ${directory}`);
  return started;
}

/** Looks for a listening socket at the path in the kernel's list of unix sockets. */
export function listens(path: string): boolean {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return sockets.some((line) => line.endsWith(` ${path}`) && line.split(/ +/)[3] === '00010000');
}

/** Tells whether a socket at the path accepts connections. */
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
