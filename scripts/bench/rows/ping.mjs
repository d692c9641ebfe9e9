// Measures round trips between two clients: on an idle switch, and while a third client sends, at a fixed rate or as
// fast as the kernel accepts frames.
import { P50, P90, P99, P999, SHARE } from '../columns.mjs';
import { load } from '../load.mjs';

const ROWS = {
  'ping-idle': {},
  'ping-beside-unicast': { background: 1 },
  'ping-beside-flood-50k': { background: 2, rate: 50_000 },
  'ping-beside-flood-100k': { background: 2, rate: 100_000 },
  'ping-beside-flood': { background: 2 },
};

export const groups = [
  {
    title: 'round trip',
    columns: [P50, P90, P99, P999, SHARE],
    rows: Object.entries(ROWS).map(([name, words]) => ({
      name,
      carries: 'vde',
      measure: (scope, peer, { seconds }) => load(scope, peer, 'ping', { ...words, seconds: 2 * seconds }),
    })),
  },
];
