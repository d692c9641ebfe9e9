// The HTTP server that Prometheus scrapes: /metrics, and /healthz and /readyz for health checks. The number of
// connections is limited, and connections that hang are closed after a timeout.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type OpenMetricsContentType, Registry } from 'prom-client';
import { formatHostPort, resolveHosts } from '../backends/internet.ts';
import { SwitchError } from '../protocol/errors.ts';
import type { Switch } from '../switch/switch.ts';
import { describeError } from '../system/errno.ts';
import { listenAddressesOf, listenOnAll, portOf } from '../system/tcp-listener.ts';
import { listenAndGrant, listenOn } from '../system/unix-listener.ts';
import type { MetricsAddress } from './address.ts';
import { defineProcessMetrics } from './process-metrics.ts';
import { SwitchMetrics } from './switch-metrics.ts';

export { parseMetricsAddress } from './address.ts';

export interface MetricsServer {
  /** The bound address: `http://127.0.0.1:9109/metrics`, `unix:PATH`, or `descriptor N`. */
  address: string;
  close(): Promise<void>;
}

export interface MetricsOptions {
  address: MetricsAddress;
  version: string;
  /** How long a client may take to send a request, or to read a response, in milliseconds; default 10000. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;

/** Starts the server. Throws SwitchError if the address cannot be bound. */
export async function startMetrics(
  sw: Switch,
  { address: place, version, timeoutMs = TIMEOUT_MS }: MetricsOptions,
): Promise<MetricsServer> {
  const scrape = defineScrape(sw, version);
  const create = () => {
    const server = createServer(
      { requestTimeout: timeoutMs, headersTimeout: timeoutMs, keepAliveTimeout: timeoutMs },
      (request, response) => {
        answer(sw, scrape, request, response).catch((error) => {
          response.writeHead(500).end(`${error}\n`);
        });
      },
    );
    server.maxConnections = CONNECTIONS_MAX;
    server.setTimeout(timeoutMs, (socket) => socket.destroy()); // the client does not read its response
    return server;
  };
  const { servers, address } = await listen(create, place);
  return {
    address,
    async close() {
      await Promise.all(servers.map(closed));
    },
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

type Scrape = (format: 'text' | 'openmetrics') => Promise<{ contentType: string; body: string }>;

/** Defines the metrics in two registries, since prom-client formats a registry as either text or OpenMetrics. */
function defineScrape(sw: Switch, version: string): Scrape {
  const text = new Registry();
  const openmetrics = new Registry<OpenMetricsContentType>();
  openmetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registries = [text, openmetrics as Registry<never>];
  const metrics = new SwitchMetrics(sw, version, registries);
  const updateProcess = defineProcessMetrics(registries);
  return async (format) => {
    metrics.update();
    for (const registry of registries) registry.setDefaultLabels({ switch: sw.name });
    updateProcess();
    const registry = format === 'text' ? text : openmetrics;
    return { contentType: registry.contentType, body: await registry.metrics() };
  };
}

async function answer(sw: Switch, scrape: Scrape, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const say = (status: number, contentType: string, body: string) => {
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const plain = 'text/plain; charset=utf-8';
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return say(405, plain, 'only GET and HEAD are supported\n');
  }
  switch (pathOf(request.url ?? '')) {
    case '/metrics': {
      const wantsOpenMetrics = /application\/openmetrics-text/.test(request.headers.accept ?? '');
      const { contentType, body } = await scrape(wantsOpenMetrics ? 'openmetrics' : 'text');
      return say(200, contentType, body);
    }
    case '/healthz':
      return say(200, plain, 'ok\n');
    case '/readyz':
      return sw.control?.served
        ? say(200, plain, 'ready\n')
        : say(503, plain, 'the switch is not serving a control directory\n');
    default:
      return say(404, plain, 'not found; the paths are /metrics, /healthz and /readyz\n');
  }
}

/** Returns the path of a request target. Clients of a proxy send the target with scheme and host (RFC 9112, 3.2.2). */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '').split('?')[0]!;
}

/** Listens on an address. A host name gets one server for each of its addresses. */
async function listen(
  create: () => Server,
  address: MetricsAddress,
): Promise<{ servers: readonly Server[]; address: string }> {
  if (address.kind === 'unix') {
    const server = create();
    await listenAndGrant(server, address.path, { mode: 0o660 });
    return { servers: [server], address: `unix:${address.path}` };
  }
  if (address.kind === 'descriptor') {
    const server = create();
    await listenOn(server, address.fd, 'metrics');
    return { servers: [server], address: `descriptor ${address.fd}` };
  }
  const { host, port } = address;
  try {
    const addresses = await resolveHosts(host, 0, new AbortController().signal);
    const servers = await listenOnAll(create, listenAddressesOf(addresses), port);
    return { servers, address: `http://${formatHostPort(host, portOf(servers[0]!))}/metrics` };
  } catch (error) {
    const why = error instanceof SwitchError ? error.message : describeError(error);
    throw new SwitchError('EADDRINUSE', `cannot serve metrics on ${formatHostPort(host, port)}: ${why}`);
  }
}
