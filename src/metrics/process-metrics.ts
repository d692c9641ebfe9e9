// The process's own metrics, under the names every client library gives them. prom-client's defaults would bring an event
// loop monitor that never sleeps; an idle switch uses no CPU, so only what is read at a scrape stands here.
import { readdirSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Returns what fills them in. */
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
