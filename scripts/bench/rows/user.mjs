// Measures TCP through a user-mode network by iperf3, between a guest on a TAP and its host, in both directions.
import { GBITS } from '../columns.mjs';
import { iperf } from '../iperf.mjs';
import { overUserNetwork } from '../user-networks.mjs';

const rows = [1, 8].flatMap((streams) =>
  [false, true].map((reverse) => ({
    name: `tcp-tap-user-${reverse ? 'down' : 'up'}-${streams}`,
    carries: 'user',
    needs: ['root', 'ip', 'iperf3'],
    rounds: 3,
    measure: async (scope, peer, { seconds }) => {
      const { ends } = await overUserNetwork(scope, peer);
      return iperf(ends, { streams, reverse, seconds: Math.max(2, 2 * seconds) });
    },
  })),
);

export const groups = [{ title: 'TCP through a user-mode network, one and eight streams', columns: [GBITS], rows }];
