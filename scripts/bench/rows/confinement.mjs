// Measures what it costs that tsvde and its user-mode stack give up privileges: beside a tsvde that keeps them all.
import { CPU, CPU_OF_BYTES, GBITS, RATE } from '../columns.mjs';
import { iperf } from '../iperf.mjs';
import { load } from '../load.mjs';
import { hosts } from '../network.mjs';
import { overUserNetwork } from '../user-networks.mjs';

const MS = { key: 'ms', title: 'ms', digits: 1, spread: true, ratio: true };
const STARTS = 5;

const row = (name, measure, needs = ['root']) => ({ name: `confined-${name}`, carries: 'confinement', needs, measure });
const unicast = (size) =>
  row(`unicast-${size}`, (scope, peer, { seconds }) => load(scope, peer, 'stream', { size, window: 64, seconds }));
/** TCP between the ends that `connect` makes. */
const tcp = (name, connect, reverse = false) =>
  row(
    name,
    async (scope, peer, { seconds }) => {
      const { ends, pids } = await connect(scope, peer);
      return iperf(ends, { reverse, pids, seconds: Math.max(2, 2 * seconds) });
    },
    ['root', 'ip', 'iperf3'],
  );

/** The time of a start until clients can join: the median of several. */
const start = (name, options) =>
  row(name, async (scope, peer) => {
    const all = [];
    for (let i = 0; i < STARTS; i++) {
      const began = performance.now();
      const { pids } = await peer.start(scope, { directory: `${scope.directory()}/ctl`, options });
      all.push(performance.now() - began);
      process.kill(pids[0]);
    }
    return { ms: all.sort((a, b) => a - b)[Math.floor(STARTS / 2)] };
  });

export const groups = [
  {
    title: 'confinement: frames between clients, a window of 64',
    columns: [RATE, CPU],
    rows: [60, 1514].map(unicast),
  },
  {
    title: 'confinement: TCP between TAPs, and through a user-mode network',
    columns: [GBITS, CPU_OF_BYTES],
    rows: [
      tcp('tap', (scope, peer) => hosts(scope, peer, ['tap', 'tap'])),
      tcp('user-up', overUserNetwork),
      tcp('user-down', overUserNetwork, true),
    ],
  },
  {
    title: 'confinement: start-up',
    columns: [MS],
    rows: [start('start', []), start('start-user', ['--port', 'user'])],
  },
];
