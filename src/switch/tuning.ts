// The defaults and ranges of the options that trade drops, latency and CPU time against each other, and of the option
// that selects the engine's CPU.
import { readFileSync } from 'node:fs';
import { SwitchError } from '../protocol/errors.ts';
import { strerror } from '../protocol/strerror.ts';
import type { EngineSettings, NativeEngine } from '../system/engine.ts';

/** How the engine trades drops, latency and CPU time against each other, and which CPU it runs on. */
export interface Tuning {
  /**
   * The longest time in milliseconds that a sender is paused while its only destination is full; after that, frames are
   * dropped. 0 to 1000; default 20.
   */
  pacingMs?: number;
  /**
   * How long the engine polls for more frames before it sleeps, in microseconds. Polling lowers latency and costs CPU
   * time. 0 to 1000000. With 'auto', the default, the engine polls for at most 100 microseconds, and only while frames
   * come soon after it has gone to sleep.
   */
  busyPollUs?: number | 'auto';
  /**
   * The most memory, in bytes, for the waiting frames of all queues together; default 64 MiB. In addition, each queue
   * may have 16 KiB.
   */
  queueMemory?: number;
  /** The number of the CPU that the engine's thread is kept on, 0 to 1023; default any. */
  cpu?: number;
}

/** The default of pacingMs; BENCHMARKS.md has the measurements behind it. */
export const DEFAULT_PACING_MS = 20;

/** The default of busyPollUs; BENCHMARKS.md has the measurements behind it, too. */
export const DEFAULT_BUSY_POLL_US = 'auto';

/** The default of queueMemory, in bytes. */
export const DEFAULT_QUEUE_MEMORY = 64 << 20;
const QUEUE_MEMORY_MAX = 2 ** 40;

export function timing({
  pacingMs = DEFAULT_PACING_MS,
  busyPollUs = DEFAULT_BUSY_POLL_US,
  queueMemory = DEFAULT_QUEUE_MEMORY,
}: Tuning): Pick<EngineSettings, 'pacingMs' | 'busyPollUs' | 'queueMemory'> {
  check('pacing', pacingMs, 1000, 'in milliseconds');
  if (busyPollUs !== 'auto') check('busy polling', busyPollUs, 1_000_000, "by 'auto' or in microseconds");
  check('the memory of queues', queueMemory, QUEUE_MEMORY_MAX, 'in bytes');
  return { pacingMs, busyPollUs, queueMemory };
}

/** Keeps the engine's thread on a CPU. If that fails, closes the engine and throws. */
export function placeOnCpu(engine: NativeEngine, cpu: number): void {
  try {
    check('the CPU', cpu, 1023, 'by its number');
    engine.placeOnCpu(cpu);
  } catch (error) {
    engine.close();
    if (error instanceof SwitchError) throw error;
    const { errno } = error as NodeJS.ErrnoException;
    const [, allowed] = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    throw new SwitchError(
      'EINVAL',
      `the engine cannot run on CPU ${cpu}: ${strerror(errno ?? 22)}; it may on ${allowed}`,
    );
  }
}

function check(what: string, value: number, most: number, unit: string): void {
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new SwitchError('EINVAL', `${what} is given ${unit}, 0 to ${most}, not ${value}`);
}
