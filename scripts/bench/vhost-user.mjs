// A vhost-user port beside a switch's control directory, where native/bench/ends.h and the guests expect it.
import { existsSync } from 'node:fs';
import { until } from './scope.mjs';

/** Returns tsvde as a peer that also has a vhost-user port, at the control directory's path with `.vhost-user` added. */
export function withVhostUser(peer) {
  return {
    ...peer,
    async start(scope, setting) {
      const path = `${setting.directory}.vhost-user`;
      const started = await peer.start(scope, { ...setting, options: ['--port', `vhost-user,server=on,path=${path}`] });
      await until("the port's socket", () => existsSync(path));
      return started;
    },
  };
}
