// The place where a program that embeds a switch serves metrics or the page.
import { SwitchError } from '../protocol/errors.ts';
import type { HttpAddress } from './address.ts';

/** Where an HTTP server listens: on a TCP port, or on a unix socket. */
export type HttpPlace =
  | {
      /** The address to listen on; default `127.0.0.1`. */
      host?: string;
      /** The TCP port; 0 asks for any free one. */
      port: number;
    }
  | {
      /** The path of a unix socket. */
      path: string;
      /** Permissions of the socket; default 0o660. */
      mode?: number;
      /** The name of the group that the socket belongs to; default: the group of the process. */
      group?: string;
    };

interface Given {
  host?: string;
  port?: number;
  path?: string;
  mode?: number;
  group?: string;
}

/** The names of the options, for checkOptions(). */
export const PLACE_OPTIONS = { host: true, port: true, path: true, mode: true, group: true } satisfies Record<
  keyof Given,
  true
>;

/** Returns the address of a place. `what` is served there. Throws SwitchError EINVAL for wrong options. */
export function addressOf(place: HttpPlace, what: string): HttpAddress {
  const { host, port, path, mode, group }: Given = place;
  const refuse = (why: string) => new SwitchError('EINVAL', `cannot serve ${what}: ${why}`);
  if ((port === undefined) === (path === undefined) || (path !== undefined && host !== undefined))
    throw refuse('listen on a port, with a host or without, or on a path');
  if (path !== undefined) {
    if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o777))
      throw refuse(`mode ${mode} is not one of 0 to 0o777`);
    return { kind: 'unix', path, ...(mode !== undefined && { mode }), ...(group !== undefined && { group }) };
  }
  if (mode !== undefined || group !== undefined) throw refuse('only the socket of a path has a mode and a group');
  if (!Number.isInteger(port) || port! < 0 || port! > 65_535) throw refuse(`port ${port} is not one of 0 to 65535`);
  return { kind: 'tcp', host: host ?? '127.0.0.1', port: port! };
}
