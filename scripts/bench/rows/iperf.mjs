// Measures TCP and UDP between two hosts by iperf3. Each host is on a TAP or a VDE client.
import { CPU_OF_BYTES, GBITS } from '../columns.mjs';
import { iperf } from '../iperf.mjs';
import { hosts } from '../network.mjs';

const RATE = { ...GBITS, digits: 2 };
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
            return iperf(ends, { protocol, streams, reverse, pids, seconds: Math.max(2, 2 * seconds) });
          },
        });
      }
    }
  }
  return all;
}

export const groups = [
  { title: 'TCP between hosts, one and eight streams', columns: [RATE, CPU_OF_BYTES], rows: rows('tcp') },
  { title: 'UDP between hosts, as fast as they send', columns: [RATE, CPU_OF_BYTES, LOST], rows: rows('udp') },
];
