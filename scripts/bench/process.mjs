// What processes use, by the kernel's books.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Of all threads of all these, in nanoseconds: what the scheduler counts, where ticks of 10 ms would be too coarse. */
export function cpuNanoseconds(pids) {
  let sum = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`))
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return sum;
}

/** In MiB. */
export function residentMemory(pids) {
  return pids
    .map((pid) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
    .reduce((sum, one) => sum + one, 0);
}

/** Is the process still what it was started as? Zombies are not. */
export function isAlive(pid) {
  return existsSync(`/proc/${pid}/exe`);
}
