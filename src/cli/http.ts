// Serves metrics and the page over HTTP: by one server if both have the same address.
import { isDeepStrictEqual } from 'node:util';
import type { ConsoleContext } from '../console/command.ts';
import { type HttpAddress, parseHttpAddress } from '../http/address.ts';
import { type HttpServer, type Routes, startHttp } from '../http/server.ts';
import { metricsRoutes, metricsUrl } from '../metrics/routes.ts';
import { VDE_VERSION } from '../system/version.ts';
import { pageRoutes, pageUrl } from '../web/routes.ts';
import { warnIfPublic } from '../web/serve.ts';

interface Wanted {
  /** The address that an option gives, or the descriptor of a passed socket. */
  metrics: string | number | undefined;
  web: string | number | undefined;
  webHosts: readonly string[];
}

/** Starts the servers, logs their addresses and shows them in `showinfo`. Throws SwitchError. */
export async function serveHttp(
  context: ConsoleContext,
  { metrics, web, webHosts }: Wanted,
): Promise<{ close(): Promise<void> }> {
  const { switch: sw, log } = context;
  const forMetrics = addressOf(metrics, 'metrics');
  const forPage = addressOf(web, 'the page');
  const shared = forMetrics !== undefined && isDeepStrictEqual(forMetrics, forPage);
  const page = forPage && (await pageRoutes(sw, { hosts: [...hostOf(forPage), ...webHosts] }));
  const servers: HttpServer[] = [];
  const close = async () => {
    page?.close();
    await Promise.all(servers.map((server) => server.close()));
  };
  const start = async (address: HttpAddress, routes: Routes, what: string) => {
    const server = await startHttp({ address, routes, what, log });
    servers.push(server);
    return server;
  };
  try {
    if (forMetrics) {
      const routes = { ...metricsRoutes(sw, VDE_VERSION), ...(shared ? page?.routes : {}) };
      const { address } = await start(forMetrics, routes, 'metrics');
      context.metrics = metricsUrl(address);
      log(`serving metrics on ${context.metrics}`, 'info', { address: context.metrics });
    }
    if (page) {
      const server = shared ? servers[0]! : await start(forPage, page.routes, 'the page');
      context.web = pageUrl(server.address);
      log(`serving the page on ${context.web}`, 'info', { address: context.web });
      warnIfPublic(server, log);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function addressOf(place: string | number | undefined, what: string): HttpAddress | undefined {
  if (typeof place === 'number') return { kind: 'descriptor', fd: place };
  return place === undefined ? undefined : parseHttpAddress(place, what);
}

/** Returns the host that the page's address names. A browser that uses this name is answered. */
function hostOf(address: HttpAddress): string[] {
  return address.kind === 'tcp' ? [address.host] : [];
}
