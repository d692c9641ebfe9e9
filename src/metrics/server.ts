// The HTTP server that Prometheus scrapes: /metrics, and /healthz and /readyz for health checks. The number of
// connections is limited, and those that hang are closed after a timeout.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type OpenMetricsContentType, Registry } from 'prom-client';
import { SwitchError } from '../protocol/errors.ts';
import type { Switch } from '../switch/switch.ts';
import { describeError } from '../system/errno.ts';
import { listenAndGrant, listenOn } from '../system/unix-listener.ts';
import type { MetricsAddress } from './address.ts';
import { defineProcessMetrics } from './process-metrics.ts';
import { SwitchMetrics } from './switch-metrics.ts';

export { parseMetricsAddress } from './address.ts';

export interface MetricsServer {
  /** The bound address: `http://127.0.0.1:9109/metrics`, or `unix:PATH`. */
  address: string;
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;

/** Throws SwitchError if the address cannot be bound. */
export async function startMetrics(
  sw: Switch,
  options: { address: MetricsAddress; version: string },
): Promise<MetricsServer> {
  const scrape = defineScrape(sw, options.version);
  const server = createServer(
    { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, keepAliveTimeout: TIMEOUT_MS },
    (request, response) => {
      answer(sw, scrape, request, response).catch((error) => {
        response.writeHead(500).end(`${error}\n`);
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(TIMEOUT_MS, (socket) => socket.destroy()); // a client that does not read its response
  const address = await listen(server, options.address);
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { address, close };
}

type Scrape = (format: 'text' | 'openmetrics') => Promise<{ contentType: string; body: string }>;

/** Defines the metrics in two registries: prom-client formats a registry as either text or OpenMetrics. */
function defineScrape(sw: Switch, version: string): Scrape {
  const text = new Registry();
  const openmetrics = new Registry<OpenMetricsContentType>();
  openmetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registries = [text, openmetrics as Registry<never>];
  const metrics = new SwitchMetrics(sw, version, registries);
  const updateProcess = defineProcessMetrics(registries);
  return async (format) => {
    metrics.update();
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
  switch (request.url?.split('?')[0]) {
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

async function listen(server: Server, address: MetricsAddress): Promise<string> {
  if (address.kind === 'unix') {
    await listenAndGrant(server, address.path, { mode: 0o660 });
    return `unix:${address.path}`;
  }
  if (address.kind === 'descriptor') {
    await listenOn(server, address.fd, 'metrics');
    return `descriptor ${address.fd}`;
  }
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new SwitchError('EADDRINUSE', `cannot serve metrics on ${host}:${port}: ${describeError(error)}`)),
    );
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound ? bound.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}/metrics`;
}
