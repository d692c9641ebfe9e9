// Measures TCP through a user-mode network by iperf3, between a guest on a TAP and its host, in both directions.
import { iperf } from '../iperf.mjs';
import { hosts, within } from '../network.mjs';

const RATE = { key: 'gbits', title: 'Gbit/s', digits: 3, spread: true, ratio: true };

const rows = [1, 8].flatMap((streams) =>
  [false, true].map((reverse) => ({
    name: `tcp-tap-user-${reverse ? 'down' : 'up'}-${streams}`,
    carries: 'user',
    needs: ['root', 'ip', 'iperf3'],
    rounds: 3,
    measure: async (scope, peer, { seconds }) => {
      let space;
      const start = (inScope, setting) => {
        space = setting.space;
        return peer.start(inScope, { ...setting, user: true });
      };
      const [guest] = (await hosts(scope, { ...peer, start }, ['tap'])).ends;
      await guest.run(['ip', 'addr', 'add', '10.0.2.15/24', 'dev', 'tap0']);
      const host = {
        address: '10.0.2.2',
        run: (command) => scope.run(within(space, command)),
        start: (command) => scope.start(within(space, command)),
      };
      return iperf([guest, host], { streams, reverse, seconds: Math.max(2, 2 * seconds) });
    },
  })),
);

export const groups = [{ title: 'TCP through a user-mode network, one and eight streams', columns: [RATE], rows }];
