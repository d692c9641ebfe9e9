// Listens on several addresses of this machine, all with the same TCP port.
import type { AddressInfo, Server } from 'node:net';

/** An address to listen on. */
export interface ListenAddress {
  /** A numeric address; if it is absent, every address. */
  host?: string;
  ipv6Only?: boolean;
}

/** The errors for an address that this machine does not have, such as ::1 where IPv6 is disabled. */
const NOT_HERE = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];
/** How many ports are tried when port 0 asks for any: a port that is free at one address may be in use at another. */
const TRIES = 20;

/**
 * Converts the addresses of a host name to addresses to listen on. If there are several, an IPv6 wildcard does not
 * include IPv4.
 */
export function listenAddressesOf(addresses: readonly string[]): ListenAddress[] {
  const hosts = [...new Set(addresses)];
  return hosts.map((host) => ({ host, ipv6Only: hosts.length > 1 }));
}

/**
 * Returns a listening server for each address. Addresses that this machine does not have are skipped, but at least one
 * must be left. Throws the system's error; then nothing listens.
 */
export async function listenOnAll<S extends Server>(
  create: () => S,
  addresses: readonly ListenAddress[],
  port: number,
): Promise<S[]> {
  for (let tries = 1; ; tries++) {
    const servers: S[] = [];
    try {
      await openAll(servers, create, addresses, port);
      return servers;
    } catch (error) {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      if (port !== 0 || codeOf(error) !== 'EADDRINUSE' || tries === TRIES) throw error;
    }
  }
}

async function openAll<S extends Server>(
  servers: S[],
  create: () => S,
  addresses: readonly ListenAddress[],
  port: number,
): Promise<void> {
  let missing: unknown;
  for (const address of addresses) {
    const server = create();
    try {
      await listen(server, { ...address, port: servers[0] ? portOf(servers[0]) : port });
      servers.push(server);
    } catch (error) {
      if (!NOT_HERE.includes(codeOf(error))) throw error;
      missing = error;
    }
  }
  if (servers.length === 0) throw missing;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function listen(server: Server, where: ListenAddress & { port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
