// Parses the address that metrics are served on: `9109`, `0.0.0.0:9109`, `[::1]:9109` or `unix:/run/tsvde.metrics`.
import { resolve } from 'node:path';
import { SwitchError } from '../protocol/errors.ts';

export type MetricsAddress =
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'unix'; path: string }
  /** A descriptor that already listens. */
  | { kind: 'descriptor'; fd: number };

const DEFAULT_HOST = '127.0.0.1'; // other hosts may read the metrics only if the user says so

/** Parses an address. Port 0 lets the kernel choose. Throws SwitchError EINVAL if the text is not an address. */
export function parseMetricsAddress(text: string): MetricsAddress {
  if (text.startsWith('unix:') && text.length > 'unix:'.length)
    return { kind: 'unix', path: resolve(text.slice('unix:'.length)) };
  const [, v6, host, digits] = /^(?:(?:\[([0-9a-f:.%\w]+)\]|([^:[\]]+)):)?(\d+)$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65535) {
    throw new SwitchError('EINVAL', `cannot serve metrics on '${text}': give [HOST:]PORT, [IPV6]:PORT or unix:PATH`);
  }
  return { kind: 'tcp', host: v6 ?? host ?? DEFAULT_HOST, port };
}
