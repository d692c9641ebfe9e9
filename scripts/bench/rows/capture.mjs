// Measures what captures and mirrors cost, for tsvde only, compared with the same load without them. The CPU time
// includes that of the thread that writes a file.
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CPU, RATE, SHARE } from '../columns.mjs';
import { load } from '../load.mjs';
import { until } from '../scope.mjs';

/**
 * The observers of the frames. Each function returns lines for the switch's rc file; `scope` ends what the function
 * starts. `peer` is the switch that is measured.
 */
const OBSERVERS = {
  none: () => [],
  file: (scope) => [`capture/add all file=${join(scope.directory(), 'file.pcapng')}`],
  unread: () => [],
  nomatch: (scope) => [`capture/add one file=${join(scope.directory(), 'file.pcapng')} filter=tcp port 4242`],
  // The target is an uplink to another switch, which reads the copies and drops them.
  mirror: async (scope, peer) => {
    const directory = join(scope.directory(), 'ctl');
    await peer.start(scope, { directory });
    return [`port/attach vde,sock=${directory},switchport=9`, 'mirror/add one from=1 to=9'];
  },
};

/** Starts a capture to the console's own connection, which is not read from then on. */
async function captureUnread(scope, path) {
  // The control socket, for which the start of the switch waits, is bound before the console's.
  await until('the console', () => existsSync(path));
  const socket = connect(path);
  scope.defer(() => socket.destroy());
  socket.on('error', () => {}); // the switch ends first
  await once(socket, 'data');
  socket.write('capture/stream\n');
  await once(socket, 'data');
  socket.pause();
}

async function measure(scope, peer, { seconds }, size, observer) {
  const home = scope.directory();
  const [rc, management] = [join(home, 'rc'), join(home, 'mgmt')];
  const lines = await OBSERVERS[observer](scope, peer);
  writeFileSync(rc, `${lines.join('\n')}\n`);
  const started = observer === 'unread' ? () => captureUnread(scope, management) : undefined;
  const setting = { options: ['-f', rc, '-M', management], started };
  return load(scope, peer, 'stream', { size, window: 64, seconds }, setting);
}

export const groups = [60, 1514].map((size) => ({
  title: `captures and a mirror, frames of ${size} bytes`,
  columns: [RATE, CPU, SHARE],
  rows: Object.keys(OBSERVERS).map((observer) => ({
    name: `capture-${size}-${observer}`,
    carries: 'vde',
    oursOnly: true,
    ...(observer !== 'none' && { beside: `capture-${size}-none` }),
    measure: (scope, peer, given) => measure(scope, peer, given, size, observer),
  })),
}));
