// What the bound of pacing gives, of ours alone: as much as the kernel takes to one reader, and TCP between two hosts.
import { CPU, RATE, SHARE } from '../columns.mjs';
import { iperf } from '../iperf.mjs';
import { load } from '../load.mjs';
import { hosts } from '../network.mjs';

const BOUNDS = [0, 5, 20, 100];
const options = (bound) => ['--pacing', bound];

export const groups = [
  {
    title: 'pacing by so many milliseconds, as much as the kernel takes',
    columns: [RATE, CPU, SHARE],
    rows: [60, 1514].flatMap((size) =>
      BOUNDS.map((bound) => ({
        name: `pacing-${size}-${bound}`,
        carries: 'vde',
        oursAlone: true,
        measure: (scope, peer, { seconds }) =>
          load(scope, peer, 'stream', { size, window: 0, seconds }, { options: options(bound) }),
      })),
    ),
  },
  {
    title: 'pacing by so many milliseconds, TCP between VDE clients, eight streams',
    columns: [
      { key: 'gbits', title: 'Gbit/s', digits: 2, spread: true },
      { key: 'retransmits', title: 'retransmits', digits: 0 },
    ],
    rows: BOUNDS.map((bound) => ({
      name: `pacing-tcp-${bound}`,
      carries: 'vde',
      oursAlone: true,
      needs: ['root', 'ip', 'iperf3'],
      measure: async (scope, peer, { seconds }) => {
        const { ends } = await hosts(scope, peer, ['vde', 'vde'], { options: options(bound) });
        return iperf(ends, { streams: 8, seconds: Math.max(2, 2 * seconds) });
      },
    })),
  },
];
