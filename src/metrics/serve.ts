// Contains serveMetrics(), a metrics server for programs that embed a switch. tsvde itself combines routes.ts with the
// page.
import { SwitchError } from '../protocol/errors.ts';
import { checkOptions } from '../protocol/options.ts';
import type { Switch } from '../switch/switch.ts';
import { type SwitchServer, serverOf } from '../switch/switch-server.ts';

/** Where metrics are served: a TCP port, or a unix socket. */
export type MetricsOptions =
  | {
      /** The address to listen on; default `127.0.0.1`. */
      host?: string;
      /** The TCP port; 0 asks for any free one. */
      port: number;
    }
  | {
      /** The path of a unix socket. */
      path: string;
    };

type Names = 'host' | 'port' | 'path';
const OPTIONS = { host: true, port: true, path: true } satisfies Record<Names, true>;

/**
 * Serves the Prometheus metrics of a switch over HTTP: /metrics, and /healthz and /readyz for health checks. Throws
 * SwitchError EINVAL for wrong options and ENODEV once the switch is closed. If the address cannot be used, throws
 * EADDRINUSE or, for a path, also EEXIST, ENAMETOOLONG or EIO.
 */
export async function serveMetrics(sw: Switch, options: MetricsOptions): Promise<SwitchServer> {
  checkOptions(options, OPTIONS);
  const address = addressOf(options);
  // These modules are loaded on demand, since prom-client would take half of the library's loading time.
  const [{ startHttp }, { metricsRoutes, metricsUrl }, { VDE_VERSION }] = await Promise.all([
    import('../http/server.ts'),
    import('./routes.ts'),
    import('../system/version.ts'),
  ]);
  const server = await startHttp({ address, routes: metricsRoutes(sw, VDE_VERSION), what: 'metrics' });
  try {
    return serverOf(sw, metricsUrl(server.address), () => server.close());
  } catch (error) {
    await server.close();
    throw error;
  }
}

function addressOf(options: { host?: string; port?: number; path?: string }) {
  const { host, port, path } = options;
  if ((port === undefined) === (path === undefined) || (path !== undefined && host !== undefined))
    throw new SwitchError('EINVAL', 'metrics are served on a port, with a host or without, or on a path');
  if (path !== undefined) return { kind: 'unix', path } as const;
  if (!Number.isInteger(port) || port! < 0 || port! > 65_535)
    throw new SwitchError('EINVAL', `port ${port} is not one of 0 to 65535`);
  return { kind: 'tcp', host: host ?? '127.0.0.1', port: port! } as const;
}
