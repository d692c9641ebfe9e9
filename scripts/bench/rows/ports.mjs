// Measures `stream` and `dgram` ports over unix sockets, which only tsvde has: frames from a VDE client to such a port
// and the reverse, compared with frames between two VDE clients of the same switch. The switch does not connect the
// socket of a unix `dgram` port to its peer, so the kernel queues only net.unix.max_dgram_qlen datagrams from the peer.
import { existsSync } from 'node:fs';
import { CPU, GOODPUT, RATE, SHARE } from '../columns.mjs';
import { load } from '../load.mjs';
import { until } from '../scope.mjs';

const PAIRS = [
  ['vde', 'vde'],
  ['vde', 'stream'],
  ['stream', 'vde'],
  ['vde', 'dgram'],
  ['dgram', 'vde'],
];

async function measure(scope, peer, words) {
  const start = async (inScope, setting) => {
    const started = await peer.start(inScope, { ...setting, options: portsBeside(setting.directory) });
    await until("the ports' sockets", () =>
      ['stream', 'dgram'].every((kind) => existsSync(`${setting.directory}.${kind}`)),
    );
    return started;
  };
  const got = await load(scope, { ...peer, start }, 'stream', words);
  return { ...got, goodput: (got.rate * words.size * 8) / 1e6 };
}

/** Returns the options for ports at the paths that native/bench/ends.h uses. */
function portsBeside(directory) {
  const stream = `stream,server=on,addr.type=unix,addr.path=${directory}.stream`;
  const dgram = `dgram,local.type=unix,local.path=${directory}.dgram,remote.type=unix,remote.path=${directory}.peer`;
  return ['--port', stream, '--port', dgram];
}

const rows = (window) =>
  [60, 1514].flatMap((size) =>
    PAIRS.map(([from, to]) => {
      const name = (ends) => `ports-${ends}-${size}-${window === 0 ? 'open' : `w${window}`}`;
      const ends = `${from}-${to}`;
      return {
        name: name(ends),
        beside: ends === 'vde-vde' ? undefined : name('vde-vde'),
        carries: 'vde',
        oursOnly: true,
        measure: (scope, peer, { seconds }) => measure(scope, peer, { from, to, size, window, seconds }),
      };
    }),
  );

export const groups = [
  { title: 'from one kind of port to another, a window of 64 frames', columns: [RATE, CPU, GOODPUT], rows: rows(64) },
  {
    title: 'from one kind of port to another, as fast as the kernel allows',
    columns: [RATE, CPU, GOODPUT, SHARE],
    rows: rows(0),
  },
];
