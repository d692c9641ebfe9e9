// Reads the resources that processes use, as counted by the kernel.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * Returns the CPU time of all threads in nanoseconds, from the scheduler's statistics: ticks of 10 ms would be too
 * coarse.
 */
export function cpuNanoseconds(pids) {
  let sum = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`))
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return sum;
}

/** Returns the processes and all that they have started. */
export function withChildren(pids) {
  return pids.flatMap((pid) => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return [pid, ...withChildren(children.map(Number))];
  });
}

/** Returns the resident memory in MiB. */
export function residentMemory(pids) {
  return pids
    .map((pid) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
    .reduce((sum, size) => sum + size, 0);
}

/** Returns whether the process is still running. A zombie is not. */
export function isAlive(pid) {
  return existsSync(`/proc/${pid}/exe`);
}
