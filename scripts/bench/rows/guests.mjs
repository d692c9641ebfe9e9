// Measures TCP between two guests, and between a guest and a host on a TAP. Emulated guests are far slower than any
// switch, so the figure to compare is the CPU time that the switch uses. vhost-user ports and the TAP exchange
// datagrams unsegmented.
import { join } from 'node:path';
import { CPU_OF_BYTES, GBITS, RETRANSMITS } from '../columns.mjs';
import { iperfBetweenGuests, iperfWithHost, sharedMemory, vdeNetdev, vhostUserNetdev } from '../guests.mjs';
import { serveIperf, withCpu } from '../iperf.mjs';
import { hosts } from '../network.mjs';
import { vhostUserPath, withVhostUser } from '../vhost-user.mjs';

const NEEDS = ['root', 'qemu-system-x86_64', 'busybox', 'cpio', 'iperf3'];
const COLUMNS = [GBITS, CPU_OF_BYTES, RETRANSMITS];

const vhostUserWire = (directory) => [...sharedMemory, ...vhostUserNetdev(vhostUserPath(directory))];

const lasting = (seconds) => Math.max(2, Math.ceil(5 * seconds));

async function betweenGuests(scope, peer, wire, { seconds, options = [] }) {
  const directory = join(scope.directory(), 'ctl');
  const { pids } = await peer.start(scope, { directory, options });
  return withCpu(pids, () => iperfBetweenGuests(scope, wire(directory), lasting(seconds)));
}

async function withHost(scope, peer, wire, { reverse, seconds }) {
  let directory;
  const start = (inScope, setting) => {
    directory = setting.directory;
    return peer.start(inScope, setting);
  };
  const { pids, ends } = await hosts(scope, { ...peer, start }, ['tap']);
  const [host] = ends;
  await serveIperf(host);
  const words = { address: '10.99.0.100', peer: host.address, reverse, seconds: lasting(seconds) };
  return withCpu(pids, () => iperfWithHost(scope, wire(directory), words));
}

const betweenRows = [
  {
    name: 'guests-tcp',
    measure: (scope, peer, given) => betweenGuests(scope, peer, vdeNetdev, given),
  },
  {
    name: 'guests-tcp-no-poll',
    beside: 'guests-tcp',
    oursOnly: true,
    measure: (scope, peer, given) => betweenGuests(scope, peer, vdeNetdev, { ...given, options: ['--busy-poll', '0'] }),
  },
  {
    name: 'guests-tcp-vhost',
    beside: 'guests-tcp',
    oursOnly: true,
    measure: (scope, peer, given) => betweenGuests(scope, withVhostUser(peer), vhostUserWire, given),
  },
  {
    name: 'guests-tcp-vhost-no-poll',
    beside: 'guests-tcp',
    oursOnly: true,
    measure: (scope, peer, given) =>
      betweenGuests(scope, withVhostUser(peer), vhostUserWire, { ...given, options: ['--busy-poll', '0'] }),
  },
];

const hostRows = [false, true].flatMap((reverse) => {
  const name = `guest-tap-tcp${reverse ? '-back' : ''}`;
  return [
    {
      name,
      alsoCarries: 'tap',
      measure: (scope, peer, given) => withHost(scope, peer, vdeNetdev, { ...given, reverse }),
    },
    {
      name: `${name}-vhost`,
      beside: name,
      oursOnly: true,
      measure: (scope, peer, given) => withHost(scope, withVhostUser(peer), vhostUserWire, { ...given, reverse }),
    },
  ];
});

const common = { carries: 'vde', needs: NEEDS, rounds: 3 };

export const groups = [
  {
    title: 'TCP between two emulated QEMU guests',
    columns: COLUMNS,
    rows: betweenRows.map((row) => ({ ...common, ...row })),
  },
  {
    title: 'TCP from an emulated QEMU guest to a TAP, and back',
    columns: COLUMNS,
    rows: hostRows.map((row) => ({ ...common, ...row, needs: [...NEEDS, 'ip'] })),
  },
];
