// Measures TCP and UDP between two hosts by iperf3. Each host is on a TAP or a VDE client.
import { iperf } from '../iperf.mjs';
import { hosts } from '../network.mjs';
import { cpuNanoseconds } from '../process.mjs';

const RATE = { key: 'gbits', title: 'Gbit/s', digits: 2, spread: true, ratio: true };
/** The switch's CPU time for each MiB that arrived. */
const CPU = { key: 'cpu', title: 'CPU ms/MiB', digits: 3, ratio: true };
const LOST = { key: 'lost', title: 'lost %', digits: 1 };
const PAIRS = { 'tap-tap': ['tap', 'tap'], 'tap-vde': ['tap', 'vde'], 'vde-vde': ['vde', 'vde'] };

function rows(protocol) {
  const all = [];
  for (const [pair, kinds] of Object.entries(PAIRS)) {
    for (const streams of [1, 8]) {
      for (const reverse of kinds[0] === kinds[1] ? [false] : [false, true]) {
        all.push({
          name: `${protocol}-${pair}${reverse ? '-back' : ''}-${streams}`,
          carries: kinds.includes('vde') ? 'vde' : 'tap',
          alsoCarries: kinds.includes('tap') ? 'tap' : 'vde',
          needs: ['root', 'ip', 'iperf3'],
          rounds: 3,
          measure: async (scope, peer, { seconds }) => {
            const { ends, pids } = await hosts(scope, peer, kinds);
            const before = cpuNanoseconds(pids);
            const result = await iperf(ends, { protocol, streams, reverse, seconds: Math.max(2, 2 * seconds) });
            return { ...result, cpu: (cpuNanoseconds(pids) - before) / 1e6 / (result.bytes / 2 ** 20) };
          },
        });
      }
    }
  }
  return all;
}

export const groups = [
  { title: 'TCP between hosts, one and eight streams', columns: [RATE, CPU], rows: rows('tcp') },
  { title: 'UDP between hosts, as fast as they send', columns: [RATE, CPU, LOST], rows: rows('udp') },
];
