// Refuses requests that other web sites make a browser send. By DNS rebinding, a site's own name leads to this server,
// and then the browser lets the site read the answers. Only the Host header tells such a request from others. So the
// host in it must be an address, which cannot be rebound, `localhost`, or a name that the user allowed. Requests that a
// browser marks as those of another site are refused too, since such a site could use up the streams without reading
// them.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Handler, Reply, Routes } from '../http/server.ts';

/** Returns whether a Host header names this server: by an address, as `localhost` or by one of the names. */
export function isHostAllowed(header: string | undefined, names: readonly string[]): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(header ?? '') ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  const host = plain?.toLowerCase().replace(/\.$/, '');
  if (host === undefined) return false;
  return isIP(host) === 4 || host === 'localhost' || names.some((name) => name.toLowerCase() === host);
}

/** Returns the routes, each of which refuses requests for other hosts and from other sites. */
export function guarded(routes: Routes, names: readonly string[]): Routes {
  const guard =
    (handler: Handler): Handler =>
    (request, response) =>
      refusal(request, names) ?? handler(request, response);
  return Object.fromEntries(Object.entries(routes).map(([path, handler]) => [path, guard(handler)]));
}

function refusal({ headers }: IncomingMessage, names: readonly string[]): Reply | undefined {
  if (!isHostAllowed(headers.host, names))
    return { status: 421, body: 'this host name is not allowed: start tsvde with --web-host NAME\n' };
  const { 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode } = headers;
  if (site !== 'same-origin' && site !== 'none' && mode !== 'navigate')
    return { status: 403, body: 'requests from other sites are refused\n' };
  return undefined;
}
