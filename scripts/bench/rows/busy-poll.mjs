// Measures --busy-poll beside a switch that sleeps at once: vde_switch, and tsvde with --busy-poll 0.
import { CPU, P50, P99, RATE } from '../columns.mjs';
import { load } from '../load.mjs';
import { cpuNanoseconds } from '../process.mjs';

const MODES = ['0', 'auto', '30'];
const options = (mode) => ['--busy-poll', mode];

const rows = (measure, name) =>
  MODES.map((mode) => ({
    name: name(mode),
    beside: mode === '0' ? undefined : name('0'),
    carries: 'vde',
    measure: (scope, peer, given) => measure(scope, peer, { ...given, options: options(mode) }),
  }));

const windowed = (window) =>
  rows(
    (scope, peer, { seconds, options }) => load(scope, peer, 'stream', { size: 60, window, seconds }, { options }),
    (mode) => `busy-poll-${mode}-w${window}`,
  );

/** Measures the CPU time of a second without traffic, after a second of traffic. */
async function rest(scope, peer, { options }) {
  let switchPids;
  const start = async (inScope, setting) => {
    const started = await peer.start(inScope, setting);
    switchPids = started.pids;
    return started;
  };
  await load(scope, { ...peer, start }, 'stream', { size: 60, window: 1, seconds: 1 }, { options });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = cpuNanoseconds(switchPids);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return { idle: (cpuNanoseconds(switchPids) - before) / 1000 };
}

export const groups = [
  { title: 'busy polling, one frame at a time', columns: [RATE, CPU, P50, P99], rows: windowed(1) },
  { title: 'busy polling, windows of 8 and 64 frames', columns: [RATE, CPU], rows: [...windowed(8), ...windowed(64)] },
  {
    title: 'busy polling, round trips every half millisecond',
    columns: [CPU, P50, P99],
    rows: rows(
      (scope, peer, { seconds, options }) => load(scope, peer, 'ping', { seconds: 2 * seconds }, { options }),
      (mode) => `busy-poll-${mode}-ping`,
    ),
  },
  {
    title: 'busy polling, a second after the last frame',
    columns: [{ key: 'idle', title: 'CPU us in 1 s', digits: 0 }],
    rows: rows(rest, (mode) => `busy-poll-${mode}-rest`),
  },
];
