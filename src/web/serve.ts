// Contains servePage(), the page for programs that embed a switch. tsvde itself combines routes.ts with the metrics.
import { addressOf, type HttpPlace, PLACE_OPTIONS } from '../http/place.ts';
import type { HttpServer } from '../http/server.ts';
import { checkOptions } from '../protocol/options.ts';
import type { Switch } from '../switch/switch.ts';
import type { SwitchServer } from '../switch/switch-server.ts';
import type { Log } from '../system/log.ts';

/** Where the page is served, on a TCP port or a unix socket, and the names by which browsers may address it. */
export type PageOptions = HttpPlace & {
  /** Host names, besides `host`, `localhost` and all IP addresses. Requests for any other name are refused. */
  hosts?: readonly string[];
};

const OPTIONS = { ...PLACE_OPTIONS, hosts: true } as const;

/**
 * Serves a page that shows the switch live to everyone who can connect. Throws SwitchError EINVAL for wrong options and
 * ENODEV once the switch is closed. If the address cannot be used, throws EADDRINUSE or, for a path, also EEXIST,
 * ENAMETOOLONG or EIO.
 */
export async function servePage(sw: Switch, options: PageOptions): Promise<SwitchServer> {
  checkOptions(options, OPTIONS);
  const { hosts = [], ...place } = options;
  const address = addressOf(place, 'the page');
  // These modules are loaded on demand, since most programs that embed a switch serve no page.
  const [{ serveRoutes }, { pageRoutes, pageUrl }] = await Promise.all([
    import('../http/serve-routes.ts'),
    import('./routes.ts'),
  ]);
  const { routes, close } = await pageRoutes(sw, { hosts: address.kind === 'tcp' ? [address.host, ...hosts] : hosts });
  return serveRoutes(sw, { address, routes, what: 'the page', url: pageUrl, started: warnIfPublic, close });
}

/** Logs a warning if other hosts can read the page. */
export function warnIfPublic({ local }: HttpServer, log: Log): void {
  if (!local)
    log('other hosts can read the page, without a password: its address is not a loopback address', 'warning');
}
