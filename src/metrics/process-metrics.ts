// Metrics of the process, under the standard names of Prometheus clients. prom-client's default metrics are not used,
// since their event loop monitor never sleeps and an idle switch must use no CPU. These metrics are read only at a
// scrape.
import { readdirSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Defines the metrics. Returns a function that updates them. */
export function defineProcessMetrics(registers: Registry[]): () => void {
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time of all threads.',
    registers,
  });
  const memory = new Gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory size.', registers });
  const descriptors = new Gauge({ name: 'process_open_fds', help: 'Open file descriptors.', registers });
  const start = new Gauge({ name: 'process_start_time_seconds', help: 'Start time since the epoch.', registers });
  start.set(Date.now() / 1000 - process.uptime());
  return () => {
    const { user, system } = process.cpuUsage();
    cpu.reset();
    cpu.inc((user + system) / 1e6);
    memory.set(process.memoryUsage.rss());
    descriptors.set(readdirSync('/proc/self/fd').length);
  };
}
