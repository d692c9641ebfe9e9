// Metrics of the process, under the standard names of Prometheus clients.
import { readdirSync } from 'node:fs';
import { type Family, one } from './exposition.ts';

/** Returns the metrics as they are now. */
export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  return [
    one('counter', 'process_cpu_seconds_total', 'User and system CPU time of all threads.', (user + system) / 1e6),
    one('gauge', 'process_resident_memory_bytes', 'Resident memory size.', process.memoryUsage.rss()),
    one('gauge', 'process_open_fds', 'Open file descriptors.', readdirSync('/proc/self/fd').length),
    one(
      'gauge',
      'process_start_time_seconds',
      'Start time since the epoch.',
      Math.round(Date.now() - process.uptime() * 1000) / 1000,
    ),
  ];
}
