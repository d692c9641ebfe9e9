// Measures frames from one client to all others. Each copy that is delivered counts as a frame.
import { CPU, RATE } from '../columns.mjs';
import { load } from '../load.mjs';

export const groups = [
  {
    title: 'flood to several receivers',
    columns: [RATE, CPU],
    rows: [4, 16, 64].flatMap((receivers) =>
      [60, 1514].map((size) => ({
        name: `flood${receivers}-${size}`,
        carries: 'vde',
        measure: (scope, peer, { seconds }) =>
          load(scope, peer, 'stream', { size, window: 64, receivers, seconds }, { ports: 128 }),
      })),
    ),
  },
];
