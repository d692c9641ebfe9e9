// A switch's directory and the port to ask for, in libvdeplug's syntax: `/run/vde.ctl` or `/run/vde.ctl[]` for any
// port, `/run/vde.ctl[7]` for port 7.
import { existsSync } from 'node:fs';

export interface Target {
  directory: string;
  port?: number;
  /** Permissions and group of the client's own socket. */
  mode?: number;
  group?: string;
}

export function parseTarget(text: string): Target {
  const [, directory, digits] = /^"?(.*?)(?:\[(\d*)\])?"?$/s.exec(text)!;
  return { directory: directory!, ...(digits ? { port: Number(digits) } : {}) };
}

/** Returns the default switch: root's if it exists, otherwise the user's. */
export function defaultTarget(): Target {
  const [system, user] = ['/var/run/vde.ctl', '/tmp/vde.ctl'] as const;
  return { directory: existsSync(`${system}/ctl`) ? system : user };
}
