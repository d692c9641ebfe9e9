// Measures the footprint of an idle switch, and the time that it takes to start.
import { join } from 'node:path';
import { cpuNanoseconds, residentMemory } from '../process.mjs';

export const groups = [
  {
    title: 'a switch at rest',
    columns: [
      { key: 'start', title: 'start ms', digits: 0, spread: true },
      { key: 'memory', title: 'memory MiB', digits: 1 },
      { key: 'idle', title: 'CPU us in 1 s', digits: 0 },
    ],
    rows: [
      {
        name: 'rest',
        carries: 'vde',
        rounds: 5,
        measure: async (scope, peer) => {
          const began = performance.now();
          const { pids } = await peer.start(scope, { directory: join(scope.directory(), 'ctl') });
          const start = performance.now() - began;
          await new Promise((resolve) => setTimeout(resolve, 2000)); // lets the switch finish starting
          const before = cpuNanoseconds(pids);
          await new Promise((resolve) => setTimeout(resolve, 1000));
          return { start, memory: residentMemory(pids), idle: (cpuNanoseconds(pids) - before) / 1000 };
        },
      },
    ],
  },
];
