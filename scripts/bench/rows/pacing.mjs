// Measures the effect of the pacing limit, for tsvde only: on frames to one reader, sent as fast as the kernel accepts
// them, and on TCP.
import { CPU, GBITS, RATE, RETRANSMITS, SHARE } from '../columns.mjs';
import { iperf } from '../iperf.mjs';
import { load } from '../load.mjs';
import { hosts } from '../network.mjs';

const BOUNDS = [0, 5, 20, 100];
const options = (bound) => ['--pacing', bound];

export const groups = [
  {
    title: 'pacing bounds in milliseconds, as fast as the kernel allows',
    columns: [RATE, CPU, SHARE],
    rows: [60, 1514].flatMap((size) =>
      BOUNDS.map((bound) => ({
        name: `pacing-${size}-${bound}`,
        carries: 'vde',
        oursOnly: true,
        measure: (scope, peer, { seconds }) =>
          load(scope, peer, 'stream', { size, window: 0, seconds }, { options: options(bound) }),
      })),
    ),
  },
  {
    title: 'pacing bounds in milliseconds, eight TCP streams between VDE clients',
    columns: [{ ...GBITS, digits: 2 }, RETRANSMITS],
    rows: BOUNDS.map((bound) => ({
      name: `pacing-tcp-${bound}`,
      carries: 'vde',
      oursOnly: true,
      needs: ['root', 'ip', 'iperf3'],
      measure: async (scope, peer, { seconds }) => {
        const { ends } = await hosts(scope, peer, ['vde', 'vde'], { options: options(bound) });
        return iperf(ends, { streams: 8, seconds: Math.max(2, 2 * seconds) });
      },
    })),
  },
];
