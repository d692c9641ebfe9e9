// The HTTP server that Prometheus scrapes: /metrics, and /healthz and /readyz for health checks. The number of
// connections is limited, and connections that hang make room for others and are closed after a timeout.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { formatHostPort, resolveHosts } from '../backends/internet.ts';
import { SwitchError } from '../protocol/errors.ts';
import type { Switch } from '../switch/switch.ts';
import { describeError } from '../system/errno.ts';
import { listenAddressesOf, listenOnAll, portOf } from '../system/tcp-listener.ts';
import { listenAndGrant, listenOn } from '../system/unix-listener.ts';
import type { MetricsAddress } from './address.ts';
import { Scrapes } from './scrape.ts';
import { Slots } from './slots.ts';

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
  /** How long rendered metrics are served again, in milliseconds; default 1000. */
  freshMs?: number;
}

const TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;

/** Starts the server. Throws SwitchError if the address cannot be bound. */
export async function startMetrics(
  sw: Switch,
  { address: place, version, timeoutMs = TIMEOUT_MS, freshMs }: MetricsOptions,
): Promise<MetricsServer> {
  const scrapes = new Scrapes(sw, version, freshMs);
  const slots = new Slots(CONNECTIONS_MAX);
  const create = () => {
    const server = createServer(
      { requestTimeout: timeoutMs, headersTimeout: timeoutMs, keepAliveTimeout: timeoutMs },
      (request, response) => {
        answer(sw, scrapes, request, response).catch((error) => {
          response.writeHead(500).end(`${error}\n`);
        });
      },
    );
    // Otherwise a client that ends its side after the request, as nc does, gets no response that takes a while.
    Object.assign(server, { httpAllowHalfOpen: true });
    slots.watch(server);
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

async function answer(sw: Switch, scrapes: Scrapes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const say = (status: number, contentType: string, body: string | Buffer) => {
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
      const { contentType, body } = await scrapes.get(wantsOpenMetrics ? 'openmetrics' : 'text');
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
