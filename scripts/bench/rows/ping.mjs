// There and back between two clients, while nothing else happens, and while a third sends as much as the kernel takes.
import { P50, P90, P99, P999, SHARE } from '../columns.mjs';
import { load } from '../load.mjs';

const ROWS = { 'ping-idle': 0, 'ping-beside-unicast': 1, 'ping-beside-flood': 2 };

export const groups = [
  {
    title: 'round trip',
    columns: [P50, P90, P99, P999, SHARE],
    rows: Object.entries(ROWS).map(([name, background]) => ({
      name,
      carries: 'vde',
      measure: (scope, peer, { seconds }) => load(scope, peer, 'ping', { background, seconds: 2 * seconds }),
    })),
  },
];
