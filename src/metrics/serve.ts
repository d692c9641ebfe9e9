// Contains serveMetrics(), a metrics server for programs that embed a switch. tsvde itself combines routes.ts with the
// page.
import { addressOf, type HttpPlace, PLACE_OPTIONS } from '../http/place.ts';
import { checkOptions } from '../protocol/options.ts';
import type { Switch } from '../switch/switch.ts';
import type { SwitchServer } from '../switch/switch-server.ts';

/** Where metrics are served: a TCP port, or a unix socket. */
export type MetricsOptions = HttpPlace;

/**
 * Serves the Prometheus metrics of a switch over HTTP: /metrics, and /healthz and /readyz for health checks. Throws
 * SwitchError EINVAL for wrong options and ENODEV once the switch is closed. If the address cannot be used, throws
 * EADDRINUSE or, for a path, also EEXIST, ENAMETOOLONG or EIO.
 */
export async function serveMetrics(sw: Switch, options: MetricsOptions): Promise<SwitchServer> {
  checkOptions(options, PLACE_OPTIONS);
  const address = addressOf(options, 'metrics');
  // These modules are loaded on demand, since prom-client would take half of the library's loading time.
  const [{ serveRoutes }, { metricsRoutes, metricsUrl }, { VDE_VERSION }] = await Promise.all([
    import('../http/serve-routes.ts'),
    import('./routes.ts'),
    import('../system/version.ts'),
  ]);
  return serveRoutes(sw, { address, routes: metricsRoutes(sw, VDE_VERSION), what: 'metrics', url: metricsUrl });
}
