// The HTTP server of the metrics and of the page. It answers only GET and HEAD. A connection that sends a request
// before the response to the last one has ended is closed. The number of connections is limited, and connections that
// hang make room for others and are closed after a timeout.
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { formatHostPort, resolveHosts } from '../backends/internet.ts';
import { SwitchError } from '../protocol/errors.ts';
import { groupId } from '../system/accounts.ts';
import { describeError } from '../system/errno.ts';
import { LineLimit } from '../system/line-limit.ts';
import type { Log } from '../system/log.ts';
import { listenAddressesOf, listenOnAll, portOf } from '../system/tcp-listener.ts';
import { listenAndGrant, listenOn } from '../system/unix-listener.ts';
import type { HttpAddress } from './address.ts';
import { Slots } from './slots.ts';

export interface Reply {
  status: number;
  /** The content type; default plain text. */
  type?: string;
  body: string | Buffer;
  headers?: OutgoingHttpHeaders;
}

/**
 * Answers the requests for one path. Instead of returning a reply, a handler may write the response to a GET itself,
 * for example a stream, and return undefined.
 */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
) => Reply | undefined | Promise<Reply | undefined>;

/** The handlers by path. */
export type Routes = Readonly<Record<string, Handler>>;

export interface HttpServer {
  /** The bound address: `http://127.0.0.1:9109`, `unix:PATH`, or `descriptor N`. */
  address: string;
  /** Whether only this host can connect. */
  local: boolean;
  close(): Promise<void>;
}

export interface HttpOptions {
  address: HttpAddress;
  routes: Routes;
  /** The words that errors use for what is served. */
  what: string;
  /** How long a client may take to send a request, or to read a response, in milliseconds; default 10000. */
  timeoutMs?: number | undefined;
  /** Gets a line when a connection cannot be accepted, at most 20 in ten seconds. */
  log?: Log;
}

const TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;
const PLAIN = 'text/plain; charset=utf-8';

/** Starts the server. Throws SwitchError if the address cannot be bound. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { routes, what, timeoutMs = TIMEOUT_MS } = options;
  const slots = new Slots(CONNECTIONS_MAX);
  const create = () => {
    const server = createServer(
      { requestTimeout: timeoutMs, headersTimeout: timeoutMs, keepAliveTimeout: timeoutMs },
      (request, response) => {
        // Thousands of requests fit into what Node reads at once, and each would wait in memory for its turn. This
        // function is called before that of Slots, which marks the connection as busy.
        if (slots.isBusy(request.socket)) return void request.socket.destroy();
        answer(routes, request, response).catch((error) => {
          if (response.headersSent) response.destroy();
          else response.writeHead(500).end(`${error}\n`);
        });
      },
    );
    // Without this option, a client that ends its side after the request, as nc does, would get no response that takes
    // a while.
    Object.assign(server, { httpAllowHalfOpen: true });
    slots.watch(server);
    server.setTimeout(timeoutMs, (socket) => socket.destroy()); // the client does not read its response
    return server;
  };
  const { servers, address } = await listen(create, options);
  const failures = new LineLimit(options.log ?? (() => {}), (count) => `${what} accept failed ${count} more times`);
  for (const server of servers)
    server.on('error', (error) => failures.say(`${what} accept: ${describeError(error)}`, 'warning'));
  return {
    address,
    local: servers.every(isLocal),
    async close() {
      await Promise.all(servers.map(closed));
      failures.end();
    },
  };
}

function isLocal(server: Server): boolean {
  const address = server.address();
  return address === null || typeof address === 'string' || /^(127\.|::1$|::ffff:127\.)/.test(address.address);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = await replyTo(routes, request, response);
  if (!reply) return;
  const { status, type = PLAIN, body, headers = {} } = reply;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function replyTo(routes: Routes, request: IncomingMessage, response: ServerResponse): ReturnType<Handler> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, body: 'only GET and HEAD are supported\n', headers: { allow: 'GET, HEAD' } };
  const path = pathOf(request.url ?? '');
  if (Object.hasOwn(routes, path)) return routes[path]!(request, response);
  const paths = new Intl.ListFormat('en-GB').format(Object.keys(routes));
  return { status: 404, body: `not found; the paths are ${paths}\n` };
}

/** Returns the path of a request target. Clients of a proxy send the target with scheme and host (RFC 9112, 3.2.2). */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '').split('?')[0]!;
}

/** Listens on an address. A host name gets one server for each of its addresses. */
async function listen(
  create: () => Server,
  { address, what }: HttpOptions,
): Promise<{ servers: readonly Server[]; address: string }> {
  if (address.kind === 'unix') {
    const { path, mode = 0o660, group } = address;
    const gid = group === undefined ? undefined : groupId(group);
    const server = create();
    await listenAndGrant(server, path, { mode, gid });
    return { servers: [server], address: `unix:${path}` };
  }
  if (address.kind === 'descriptor') {
    const server = create();
    await listenOn(server, address.fd, what);
    return { servers: [server], address: `descriptor ${address.fd}` };
  }
  const { host, port } = address;
  try {
    const addresses = await resolveHosts(host, 0, new AbortController().signal);
    const servers = await listenOnAll(create, listenAddressesOf(addresses), port);
    return { servers, address: `http://${formatHostPort(host, portOf(servers[0]!))}` };
  } catch (error) {
    const why = error instanceof SwitchError ? error.message : describeError(error);
    throw new SwitchError('EADDRINUSE', `cannot serve ${what} on ${formatHostPort(host, port)}: ${why}`);
  }
}
