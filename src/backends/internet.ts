// Internet addresses in specs: `host:port`. Host names are looked up when they are used.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { SwitchError } from '../protocol/errors.ts';
import { describeError } from '../system/errno.ts';
import type { ValueType } from './keys.ts';

export interface HostPort {
  /** A name or an address. An empty host is every address when listening or receiving, and localhost as a peer. */
  host: string;
  port: number;
}

/** The address family: 4 for IPv4 only, 6 for IPv6 only, 0 for either. */
export type Family = 0 | 4 | 6;

/** The value type of `HOST:PORT`; an IPv6 address is written in brackets. */
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

/**
 * Returns the family that two flags select, or undefined if both are off. As in QEMU, if only one flag is given and it
 * is on, the other family is off.
 */
export function family(ipv4: boolean | undefined, ipv6: boolean | undefined): Family | undefined {
  const wants4 = ipv4 ?? ipv6 !== true;
  const wants6 = ipv6 ?? ipv4 !== true;
  if (wants4 && wants6) return 0;
  return wants4 ? 4 : wants6 ? 6 : undefined;
}

/** Returns the first address of a host. Throws SwitchError EIO if no address is found. */
export async function resolveHost(host: string, family: Family, signal: AbortSignal): Promise<string> {
  return (await resolveHosts(host, family, signal))[0]!;
}

/** Returns the addresses of a host, at least one. Throws SwitchError EIO if none is found or the signal is aborted. */
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

/**
 * Waits for a look-up until `signal` is aborted. The look-up itself cannot be cancelled, and a name server may take
 * half a minute.
 */
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
