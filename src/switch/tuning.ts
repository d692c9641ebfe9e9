// The options that weigh drops, latency and CPU time against each other, and the engine's CPU: their defaults and ranges.
import { readFileSync } from 'node:fs';
import { SwitchError } from '../protocol/errors.ts';
import { strerror } from '../system/errno.ts';
import type { EngineSettings, NativeEngine } from '../system/native.ts';

/** How the engine weighs drops, latency and CPU time against each other, and where it runs. */
export interface Tuning {
  /**
   * How long a sender is paused while its only destination is full, before frames are dropped, in milliseconds; 0 to
   * 1000; default 20.
   */
  pacingMs?: number;
  /**
   * How long the engine polls for more frames before it sleeps, in microseconds: less latency, more CPU time; 0 to
   * 1000000; default 0.
   */
  busyPollUs?: number;
  /** The number of the only CPU that the engine's thread runs on, 0 to 1023; default any. */
  cpu?: number;
}

/** BENCHMARKS.md has the figures that set it. */
export const DEFAULT_PACING_MS = 20;

export function timing({
  pacingMs = DEFAULT_PACING_MS,
  busyPollUs = 0,
}: Tuning): Pick<EngineSettings, 'pacingMs' | 'busyPollUs'> {
  check('pacing', pacingMs, 1000, 'in milliseconds');
  check('busy polling', busyPollUs, 1_000_000, 'in microseconds');
  return { pacingMs, busyPollUs };
}

/** Closes the engine where it throws. */
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
