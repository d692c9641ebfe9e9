// A vhost-user port beside a switch's control directory, where native/bench/ends.h and the guests expect it. Also
// counts the kicks and interrupts of a switch's guests.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../set-up.mjs';
import { until } from './scope.mjs';

/** Returns the path of the port's socket. */
export function vhostUserPath(directory) {
  return `${directory}.vhost-user`;
}

/** Returns tsvde as a peer that also has a vhost-user port, and a console for notifications(). */
export function withVhostUser(peer) {
  return {
    ...peer,
    async start(scope, setting) {
      const path = vhostUserPath(setting.directory);
      const own = [...consoleOf(setting.directory), '--port', `vhost-user,server=on,path=${path}`];
      const started = await peer.start(scope, { ...setting, options: [...(setting.options ?? []), ...own] });
      await until("the port's socket", () => existsSync(path));
      return started;
    },
  };
}

/** Returns tsvde's options for a console that notifications() asks. */
export function consoleOf(directory) {
  return ['--mgmt', `${directory}.mgmt`];
}

/** Returns how many kicks the guests of a switch have sent since its start, and how many interrupts they got. */
export async function notifications(scope, directory) {
  const [, console] = consoleOf(directory);
  const command = [process.execPath, join(root, 'bin/tsvdectl'), '--mgmt', console, '--json', 'counters'];
  const { data } = JSON.parse(await scope.run(command));
  const sum = (key) => data.reduce((total, row) => total + Number(row[key]), 0);
  return { kicks: sum('receiveKicks'), interrupts: sum('transmitInterrupts') };
}
