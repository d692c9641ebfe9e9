// Labels whose values come from clients. A client must not be able to create series at will: pids and control
// characters are left out, long values are cut, and each port has a bounded number of values.
import { printable } from '../protocol/printable.ts';

/** The longest value, in characters. */
const LENGTH_MAX = 128;
/** How many different values of a port are shown within FORGET_SECONDS. */
const VALUES_MAX = 16;
const FORGET_SECONDS = 3600;

/** Returns a description without its words for a pid, such as `tsvdeq user=root` from `tsvdeq user=root pid=7`. */
export function describeWithoutPid(description: string): string {
  const words = description
    .replace(/\bpid[= ]?\d+\b,?/gi, '')
    .split(/\s+/)
    .filter((word) => word !== '');
  return [...printable(words.join(' '))].slice(0, LENGTH_MAX).join('');
}

/** The values of one label that were shown for each port. */
export class BoundedValues {
  /** When each value was last shown, in seconds, by port. */
  readonly #shown = new Map<number, Map<string, number>>();

  /**
   * Returns the value if it may be shown for the port, otherwise the empty text. A value that has not been shown for an
   * hour makes room for another one. `now` is in seconds.
   */
  bounded(port: number, value: string, now: number): string {
    if (value === '') return value;
    const shown = this.#shown.get(port) ?? new Map<string, number>();
    for (const [old, at] of shown) if (now - at > FORGET_SECONDS) shown.delete(old);
    if (!shown.has(value) && shown.size >= VALUES_MAX) return '';
    shown.set(value, now);
    this.#shown.set(port, shown);
    return value;
  }

  /** Forgets all ports except these. */
  retain(ports: ReadonlySet<number>): void {
    for (const port of this.#shown.keys()) if (!ports.has(port)) this.#shown.delete(port);
  }
}
