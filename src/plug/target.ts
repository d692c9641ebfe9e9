// A switch and what is wanted of it: `/run/vde.ctl`, or `/run/vde.ctl[7]` for its port 7, as libvdeplug writes it.
import { existsSync } from 'node:fs';

export interface Target {
  directory: string;
  port?: number;
  /** Rights and group of the client's own socket. */
  mode?: number;
  group?: string;
}

export function parseTarget(text: string): Target {
  const [, directory, digits] = /^"?(.*?)(?:\[(\d+)\])?"?$/s.exec(text)!;
  return { directory: directory!, ...(digits === undefined ? {} : { port: Number(digits) }) };
}

/** Where a switch is by default: root's, else a user's. */
export function defaultTarget(): Target {
  const [system, user] = ['/var/run/vde.ctl', '/tmp/vde.ctl'] as const;
  return { directory: existsSync(`${system}/ctl`) ? system : user };
}
