// The paths that Prometheus and health checks request: /metrics, /healthz and /readyz.
import type { Reply, Routes } from '../http/server.ts';
import type { Switch } from '../switch/switch.ts';
import { Scrapes } from './scrape.ts';

/** Rendered metrics are served again for `freshMs` milliseconds; default 1000. */
export function metricsRoutes(sw: Switch, version: string, freshMs?: number): Routes {
  const scrapes = new Scrapes(sw, version, freshMs);
  return {
    '/metrics': async ({ headers }) => {
      const wantsOpenMetrics = /application\/openmetrics-text/.test(headers.accept ?? '');
      const { contentType, body } = await scrapes.get(wantsOpenMetrics ? 'openmetrics' : 'text');
      return { status: 200, type: contentType, body };
    },
    '/healthz': async () => (await silence(sw)) ?? { status: 200, body: 'ok\n' },
    '/readyz': async () =>
      (await silence(sw)) ??
      (sw.control?.served
        ? { status: 200, body: 'ready\n' }
        : { status: 503, body: 'the switch is not serving a control directory\n' }),
  };
}

/** Returns the reply 503 if the engine's thread does not answer, and undefined if it does. */
async function silence(sw: Switch): Promise<Reply | undefined> {
  const seconds = await sw.heartbeat();
  if (seconds === 0) return undefined;
  return { status: 503, body: `the engine has not answered for ${seconds.toFixed(1)} seconds\n` };
}

/** Returns the address of the metrics on a server, from the server's address: `http://127.0.0.1:9109/metrics`. */
export function metricsUrl(address: string): string {
  return address.startsWith('http:') ? `${address}/metrics` : address;
}
