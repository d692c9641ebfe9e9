// A server of a switch's metrics, and metrics without their label `switch` for tests of a single switch.
import { parseHttpAddress } from '../../src/http/address.ts';
import { type HttpServer, startHttp } from '../../src/http/server.ts';
import { metricsRoutes, metricsUrl } from '../../src/metrics/routes.ts';
import type { Switch } from '../../src/switch/switch.ts';

/**
 * Serves the metrics, by default rendered anew for each scrape. The address that is returned ends with /metrics if it
 * is a URL.
 */
export async function startMetrics(sw: Switch, address = '0', timeoutMs?: number, freshMs = 0): Promise<HttpServer> {
  const what = 'metrics';
  const server = await startHttp({
    address: parseHttpAddress(address, what),
    routes: metricsRoutes(sw, '0', freshMs),
    what,
    timeoutMs,
  });
  return { ...server, address: metricsUrl(server.address) };
}

/** Returns the text of the metrics without the label `switch`. */
export function ofOneSwitch(text: string): string {
  return text.replace(/,?switch="[^"]*"(?=\} \S+( \S+)?$)/gm, '').replace(/\{\}(?= \S+( \S+)?$)/gm, '');
}
