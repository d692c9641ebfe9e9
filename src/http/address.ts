// Parses the addresses of --metrics and --web: `9109`, `0.0.0.0:9109`, `[::1]:9109` or
// `unix:/run/tsvde.web,mode=0660,group=wheel`.
import { resolve } from 'node:path';
import { splitAtCommas, splitPair } from '../protocol/comma-list.ts';
import { SwitchError } from '../protocol/errors.ts';

export type HttpAddress =
  | { kind: 'tcp'; host: string; port: number }
  /** By default the mode is 0660, and the group is that of the process. */
  | { kind: 'unix'; path: string; mode?: number; group?: string }
  /** A descriptor that already listens. */
  | { kind: 'descriptor'; fd: number };

const DEFAULT_HOST = '127.0.0.1'; // other hosts may connect only if the user says so

/**
 * Parses an address. Port 0 lets the kernel choose. `what` is served there. Throws SwitchError EINVAL if the text is
 * not an address.
 */
export function parseHttpAddress(text: string, what: string): HttpAddress {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) return parseUnix(text, what);
  const [, v6, host, digits] = /^(?:(?:\[([0-9a-f:.%\w]+)\]|([^:[\]]+)):)?(\d+)$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65535) {
    throw new SwitchError('EINVAL', `cannot serve ${what} on '${text}': give [HOST:]PORT, [IPV6]:PORT or unix:PATH`);
  }
  return { kind: 'tcp', host: v6 ?? host ?? DEFAULT_HOST, port };
}

function parseUnix(text: string, what: string): HttpAddress {
  const [path = '', ...pairs] = splitAtCommas(text.slice('unix:'.length));
  const refuse = (why: string) => new SwitchError('EINVAL', `cannot serve ${what} on '${text}': ${why}`);
  if (path === '') throw refuse('the path is missing');
  const address: HttpAddress = { kind: 'unix', path: resolve(path) };
  for (const [key, value = ''] of pairs.map(splitPair)) {
    if (key === 'mode') {
      if (!/^0?[0-7]{1,3}$/.test(value))
        throw refuse(`mode=${value} is not a mode: give three octal digits, as in 660`);
      address.mode = Number.parseInt(value, 8);
    } else if (key === 'group') {
      if (value === '') throw refuse('group= needs the name of a group');
      address.group = value;
    } else throw refuse(`'${key}' is not one of mode=OCTAL and group=NAME; a comma in the path is doubled`);
  }
  return address;
}
