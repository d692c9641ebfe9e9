// Measures frames from one client to another: with a window, and as fast as the kernel accepts them.
import { CPU, P50, P99, RATE, SHARE } from '../columns.mjs';
import { load } from '../load.mjs';

const SIZES = [60, 512, 1514, 9000];
const unicast = (size, window) => ({
  name: `unicast-${size}-${window === 0 ? 'open' : `w${window}`}`,
  carries: 'vde',
  measure: (scope, peer, { seconds }) => load(scope, peer, 'stream', { size, window, seconds }),
});

export const groups = [
  {
    title: 'unicast, windows of 8 and 64 frames',
    columns: [RATE, CPU],
    rows: [8, 64].flatMap((window) => SIZES.map((size) => unicast(size, window))),
  },
  {
    title: 'unicast, one frame at a time',
    columns: [RATE, CPU, P50, P99],
    rows: SIZES.map((size) => unicast(size, 1)),
  },
  {
    title: 'unicast, as fast as the kernel allows',
    columns: [RATE, CPU, SHARE],
    rows: SIZES.map((size) => unicast(size, 0)),
  },
];
