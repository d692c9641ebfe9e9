// Measures TCP between two guests. Emulated guests are far slower than any switch, so the figure to compare is the CPU
// time that the switch uses. Between vhost-user ports, the guests' datagrams pass unsegmented.
import { join } from 'node:path';
import { iperfBetweenGuests, sharedMemory, vdeNetdev, vhostUserNetdev } from '../guests.mjs';
import { cpuNanoseconds } from '../process.mjs';
import { withVhostUser } from '../vhost-user.mjs';

const NEEDS = ['root', 'qemu-system-x86_64', 'busybox', 'cpio', 'iperf3'];

async function measure(scope, peer, wire, { seconds }) {
  const directory = join(scope.directory(), 'ctl');
  const { pids } = await peer.start(scope, { directory });
  const before = cpuNanoseconds(pids);
  const { end } = await iperfBetweenGuests(scope, wire(directory), Math.max(2, Math.ceil(5 * seconds)));
  const { bits_per_second: bits, bytes } = end.sum_received;
  const cpu = (cpuNanoseconds(pids) - before) / 1e6 / (bytes / 2 ** 20);
  return { gbits: bits / 1e9, cpu, retransmits: end.sum_sent.retransmits };
}

export const groups = [
  {
    title: 'TCP between two emulated QEMU guests',
    columns: [
      { key: 'gbits', title: 'Gbit/s', digits: 3, spread: true, ratio: true },
      { key: 'cpu', title: 'CPU ms/MiB', digits: 3, ratio: true },
      { key: 'retransmits', title: 'retransmits', digits: 0 },
    ],
    rows: [
      {
        name: 'guests-tcp',
        carries: 'vde',
        needs: NEEDS,
        rounds: 3,
        measure: (scope, peer, options) => measure(scope, peer, vdeNetdev, options),
      },
      {
        name: 'guests-tcp-vhost',
        beside: 'guests-tcp',
        carries: 'vde',
        oursOnly: true,
        needs: NEEDS,
        rounds: 3,
        measure: (scope, peer, options) => {
          const wire = (directory) => [...sharedMemory, ...vhostUserNetdev(`${directory}.vhost-user`)];
          return measure(scope, withVhostUser(peer), wire, options);
        },
      },
    ],
  },
];
