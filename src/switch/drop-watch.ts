// Notices when frames begin to be dropped, and when they no longer are, by comparing the counters once a second.
import type { PortCounters } from './counters.ts';
import type { DropEvent } from './events.ts';

/** The number of seconds without a drop after which drops have ended. */
const QUIET_SECONDS = 3;

interface Ongoing {
  frames: bigint;
  quietSeconds: number;
}

export class DropWatch {
  #before: ReadonlyMap<string, bigint>;
  readonly #ongoing = new Map<string, Ongoing>();

  /** `counters` are the counters now: only later drops are noticed. */
  constructor(counters: readonly PortCounters[]) {
    this.#before = dropsIn(counters);
  }

  /** To be called once a second with the counters. Returns the events of this second. */
  sample(counters: readonly PortCounters[]): DropEvent[] {
    const now = dropsIn(counters);
    const events: DropEvent[] = [];
    for (const [key, total] of now) {
      const before = this.#before.get(key) ?? 0n;
      const dropped = total < before ? total : total - before; // less than before: the counters were reset
      const ongoing = this.#ongoing.get(key);
      if (dropped > 0n) {
        if (!ongoing) events.push(eventOf('drops-started', key, dropped));
        this.#ongoing.set(key, { frames: (ongoing?.frames ?? 0n) + dropped, quietSeconds: 0 });
      } else if (ongoing) {
        ongoing.quietSeconds++;
      }
    }
    for (const [key, { frames, quietSeconds }] of this.#ongoing) {
      if (quietSeconds < QUIET_SECONDS && now.has(key)) continue;
      this.#ongoing.delete(key);
      events.push(eventOf('drops-ended', key, frames));
    }
    this.#before = now;
    return events;
  }
}

/** Returns the counters of drops that are not 0, under keys that eventOf() reads. */
function dropsIn(counters: readonly PortCounters[]): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const { port, receiveDrops, transmitDrops } of counters) {
    for (const [reason, frames] of Object.entries(receiveDrops))
      if (frames > 0n) found.set(`${port} rx ${reason}`, frames);
    for (const [reason, frames] of Object.entries(transmitDrops))
      if (frames > 0n) found.set(`${port} tx ${reason}`, frames);
  }
  return found;
}

function eventOf(type: DropEvent['type'], key: string, frames: bigint): DropEvent {
  const [port, direction, reason] = key.split(' ') as [string, DropEvent['direction'], string];
  return { type, port: Number(port), direction, reason, frames: Number(frames) };
}
