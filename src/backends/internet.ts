// Internet addresses as specs write them: `host:port`, and hosts that are looked up when they are used.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { describeError } from '../system/errno.ts';
import type { ValueType } from './keys.ts';

export interface HostPort {
  /** A name or an address; empty: any of this machine's. */
  host: string;
  port: number;
}

/** 4 or 6 alone, or 0 for either. */
export type Family = 0 | 4 | 6;

/** An IPv6 address stands in brackets. */
export const hostPort: ValueType<HostPort> = {
  what: 'HOST:PORT, an IPv6 address in brackets',
  parse(text) {
    const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
    const port = Number(digits);
    if (digits === undefined || port > 65535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
    return { host: bracketed ?? plain ?? '', port };
  },
};

export function formatHostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** QEMU's rule: one that is switched on alone means just that one. undefined: both are off. */
export function family(ipv4: boolean | undefined, ipv6: boolean | undefined): Family | undefined {
  const wants4 = ipv4 ?? ipv6 !== true;
  const wants6 = ipv6 ?? ipv4 !== true;
  if (wants4 && wants6) return 0;
  return wants4 ? 4 : wants6 ? 6 : undefined;
}

/** An address in digits. Throws a sentence that names the host. */
export async function resolveHost(host: string, family: Family, signal: AbortSignal): Promise<string> {
  return (await resolveHosts(host, family, signal))[0]!;
}

/** One at least. */
export async function resolveHosts(host: string, family: Family, signal: AbortSignal): Promise<string[]> {
  try {
    const found = await orAborted(lookup(host, { family, all: true }), signal);
    return found.map(({ address }) => address);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOTFOUND' ? 'there is no such host' : describeError(error);
    throw new SwitchError('EIO', `cannot find '${host}'${family ? ` (IPv${family})` : ''}: ${why}`);
  }
}

/** For what cannot be stopped and need not be waited for: a name server may take half a minute. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
