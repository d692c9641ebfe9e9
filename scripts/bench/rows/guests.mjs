// Measures TCP between two guests. Emulated guests are far slower than any switch, so the figure to compare is the CPU
// time that the switch uses.
import { join } from 'node:path';
import { iperfBetweenGuests } from '../guests.mjs';
import { cpuNanoseconds } from '../process.mjs';

export const groups = [
  {
    title: 'TCP between two emulated QEMU guests',
    columns: [
      { key: 'gbits', title: 'Gbit/s', digits: 3, spread: true, ratio: true },
      { key: 'cpu', title: 'CPU ms/MiB', digits: 3, ratio: true },
    ],
    rows: [
      {
        name: 'guests-tcp',
        carries: 'vde',
        needs: ['root', 'qemu-system-x86_64', 'busybox', 'cpio', 'iperf3'],
        rounds: 3,
        measure: async (scope, peer, { seconds }) => {
          const directory = join(scope.directory(), 'ctl');
          const { pids } = await peer.start(scope, { directory });
          const before = cpuNanoseconds(pids);
          const { end } = await iperfBetweenGuests(scope, directory, Math.max(2, Math.ceil(5 * seconds)));
          const { bits_per_second: bits, bytes } = end.sum_received;
          return { gbits: bits / 1e9, cpu: (cpuNanoseconds(pids) - before) / 1e6 / (bytes / 2 ** 20) };
        },
      },
    ],
  },
];
