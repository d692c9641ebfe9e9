// The paths of the page: its files, the stream of its data, and the search in the MAC table. Nothing that is served
// names another host, and no other site may show it or run anything in it.
import { readFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import type { Handler, Reply, Routes } from '../http/server.ts';
import type { Switch } from '../switch/switch.ts';
import { PACKAGE_ROOT } from '../system/package-root.ts';
import { Feed, STREAMS_MAX } from './feed.ts';
import { guarded } from './host-check.ts';
import { MacSearch } from './mac-search.ts';

/** The directory of the built files. */
const BUILT = `${PACKAGE_ROOT}/dist/web/page`;

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const;

const HEADERS: OutgoingHttpHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

export interface Page {
  routes: Routes;
  /** Ends the streams. */
  close(): void;
}

/** Returns the page of a switch. `hosts` are the names by which browsers may address it. */
export async function pageRoutes(sw: Switch, { hosts }: { hosts: readonly string[] }): Promise<Page> {
  const feed = new Feed(sw);
  const macs = new MacSearch(sw);
  const files = await Promise.all(
    Object.entries(FILES).map(async ([path, [name, type]]): Promise<[string, Handler]> => {
      const body = await readFile(`${BUILT}/${name}`);
      return [path, () => ({ status: 200, type, body, headers: HEADERS })];
    }),
  );
  const routes: Routes = {
    ...Object.fromEntries(files),
    '/live': (request, response) => {
      if (request.method === 'HEAD') return { status: 200, type: 'text/event-stream', body: '', headers: HEADERS };
      if (feed.size >= STREAMS_MAX)
        return { status: 503, body: `${STREAMS_MAX} pages are open already: close one\n`, headers: HEADERS };
      response.writeHead(200, { 'content-type': 'text/event-stream', ...HEADERS });
      feed.add(response);
      return undefined;
    },
    '/macs': ({ url = '' }) => {
      const query = new URLSearchParams(url.split('?')[1] ?? '');
      const port = query.get('port');
      if (port !== null && !/^\d{1,5}$/.test(port)) return { status: 400, body: 'port= takes a number\n' };
      return json(macs.find(query.get('q')?.slice(0, 200) ?? '', port === null ? undefined : Number(port)));
    },
  };
  return { routes: guarded(routes, hosts), close: () => feed.close() };
}

/** Returns the page's address, given that of its server. */
export function pageUrl(address: string): string {
  return address.replace(/^http:.*/, '$&/');
}

function json(value: unknown): Reply {
  return { status: 200, type: 'application/json', body: JSON.stringify(value), headers: HEADERS };
}
