// Measures `vhost-user` ports. In the group of testpmd, both guests are DPDK's testpmd, and tsvde is compared with
// DPDK's relay and Open vSwitch. In the other groups, native/bench/load is each guest, and only tsvde is measured.
import { join } from 'node:path';
import { CPU, GOODPUT, INTERRUPTS, KICKS, P50, P99, RATE } from '../columns.mjs';
import { load } from '../load.mjs';
import { cpuNanoseconds } from '../process.mjs';
import { startFrontEnd } from '../testpmd.mjs';
import { notifications, withVhostUser } from '../vhost-user.mjs';

const SIZES = [60, 1514, 9000];
const PAIRS = [
  ['vde', 'vde'],
  ['vhost-user', 'vhost-user'],
  ['vhost-user', 'vde'],
  ['vde', 'vhost-user'],
];

async function measureLoad(scope, peer, words, options = []) {
  const directory = join(scope.directory(), 'ctl');
  const got = await load(scope, withVhostUser(peer), 'stream', words, { directory, ports: 128, options });
  const isGuest = words.from === 'vhost-user' || words.to === 'vhost-user';
  const { kicks, interrupts } = isGuest ? await notifications(scope, directory) : {};
  return {
    ...got,
    goodput: (got.rate * words.size * 8) / 1e6,
    kicks: kicks / got.delivered,
    interrupts: interrupts / got.delivered,
  };
}

const between = SIZES.flatMap((size) =>
  PAIRS.map(([from, to]) => {
    const ends = `${from}-to-${to}`;
    return {
      name: `vhost-${ends}-${size}`,
      beside: ends === 'vde-to-vde' ? undefined : `vhost-vde-to-vde-${size}`,
      carries: 'vde',
      oursOnly: true,
      measure: (scope, peer, { seconds }) => measureLoad(scope, peer, { from, to, size, window: 64, seconds }),
    };
  }),
);

const ONE_AT_A_TIME = 'vhost-vde-to-vde-60-w1';
const single = PAIRS.flatMap(([from, to]) =>
  [[], ['--busy-poll', '0']].map((options) => {
    const name = `vhost-${from}-to-${to}-60-w1${options.length > 0 ? '-no-poll' : ''}`;
    return {
      name,
      beside: name === ONE_AT_A_TIME ? undefined : ONE_AT_A_TIME,
      carries: 'vde',
      oursOnly: true,
      measure: (scope, peer, { seconds }) =>
        measureLoad(scope, peer, { from, to, size: 60, window: 1, seconds }, options),
    };
  }),
);

const floods = [60, 1514].flatMap((size) =>
  ['vde', 'vhost-user'].map((kind) => ({
    name: `vhost-flood16-${kind}-${size}`,
    beside: kind === 'vde' ? undefined : `vhost-flood16-vde-${size}`,
    carries: 'vde',
    oursOnly: true,
    measure: (scope, peer, { seconds }) =>
      measureLoad(scope, peer, { from: kind, to: kind, size, window: 64, receivers: 16, seconds }),
  })),
);

async function measureTestpmd(scope, peer, { size, window, seconds }) {
  const home = scope.directory();
  const sockets = [0, 1].map((i) => join(home, `guest${i}`));
  const directory = join(home, 'ctl');
  const { pids, hasNotifications } = await peer.startVhostUser(scope, { directory, sockets, size });
  const front = await startFrontEnd(scope, sockets, { size, window });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const told = () => (hasNotifications ? notifications(scope, directory) : {});
  const first = await told();
  const before = { frames: await front.received(), cpu: cpuNanoseconds(pids), at: performance.now() };
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const frames = (await front.received()) - before.frames;
  const milliseconds = performance.now() - before.at;
  const cpu = (cpuNanoseconds(pids) - before.cpu) / frames / 1000;
  const last = await told();
  return {
    rate: frames / milliseconds,
    cpu,
    kicks: (last.kicks - first.kicks) / frames,
    interrupts: (last.interrupts - first.interrupts) / frames,
  };
}

const testpmd = SIZES.flatMap((size) =>
  [32, 128, 512].map((window) => ({
    name: `testpmd-${size}-w${window}`,
    carries: 'vhost-user',
    needs: ['dpdk-testpmd', 'root'],
    rounds: 3,
    measure: (scope, peer, { seconds }) => measureTestpmd(scope, peer, { size, window, seconds }),
  })),
);

export const groups = [
  {
    title: 'guests by vhost-user, a window of 64 frames',
    columns: [RATE, CPU, GOODPUT, KICKS, INTERRUPTS],
    rows: between,
  },
  { title: 'guests by vhost-user, one frame at a time', columns: [RATE, CPU, P50, P99], rows: single },
  { title: 'flood to 16 guests by vhost-user', columns: [RATE, CPU, KICKS, INTERRUPTS], rows: floods },
  {
    title: "DPDK's testpmd as both guests, and the same window in each direction",
    columns: [RATE, { ...CPU, digits: 3 }, KICKS, INTERRUPTS],
    rows: testpmd,
  },
  {
    title: 'a switch at rest with 100 guests by vhost-user',
    columns: [
      { key: 'wakeups', title: 'wake-ups', digits: 0 },
      { key: 'idle', title: 'CPU us in 1 s', digits: 0 },
    ],
    rows: [
      {
        name: 'vhost-rest-100',
        carries: 'vde',
        oursOnly: true,
        rounds: 3,
        measure: async (scope, peer) => {
          const words = { to: 'vhost-user', receivers: 100, seconds: 1 };
          const { wakeups, cpuNs } = await load(scope, withVhostUser(peer), 'rest', words, { ports: 128 });
          return { wakeups, idle: cpuNs / 1000 };
        },
      },
    ],
  },
];
