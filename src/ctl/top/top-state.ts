// The state that `tsvdectl top` shows: the ports with their rates, the last minute of each, the order and the
// selection. Nothing here depends on a terminal.
import type { EndpointData } from '../console-data.ts';
import type { Flow } from '../rates.ts';
import type { PortState } from '../views/names.ts';

/** A port as the view `ports` gives it. */
export interface TopPort {
  port: number;
  name?: string | undefined;
  state: PortState;
  rx: Flow;
  tx: Flow;
  queueFrames: number;
  endpoints: readonly EndpointData[];
}

/** The keys that sort, with what they sort by and the headings of their columns. */
export const SORTS = {
  p: { heading: 'PORT', ascending: true, by: ({ port }: TopPort) => port },
  n: { heading: 'NAME', ascending: true, by: ({ name }: TopPort) => name ?? '\uffff' },
  r: { heading: 'RX bit/s', ascending: false, by: ({ rx }: TopPort) => rx.bitsPerSecond },
  t: { heading: 'TX bit/s', ascending: false, by: ({ tx }: TopPort) => tx.bitsPerSecond },
  d: { heading: 'DROPS/s', ascending: false, by: ({ rx, tx }: TopPort) => rx.dropsPerSecond + tx.dropsPerSecond },
  u: { heading: 'QUEUE', ascending: false, by: ({ queueFrames }: TopPort) => queueFrames },
} as const;

export type SortKey = keyof typeof SORTS;

/** How many samples are kept: those of a minute. */
const SAMPLES = 60;
const BLOCKS = '▁▂▃▄▅▆▇█';

export class TopState {
  #ports: TopPort[] = [];
  /** The sum of both directions in bits per second, the oldest first, by port. */
  #history = new Map<number, number[]>();
  #sort: SortKey = 'p';
  #reversed = false;
  #selected: number | undefined;

  get sort(): SortKey {
    return this.#sort;
  }

  get reversed(): boolean {
    return this.#reversed;
  }

  /** The number of the selected port; undefined if there are no ports. */
  get selected(): number | undefined {
    return this.#ports.some(({ port }) => port === this.#selected) ? this.#selected : this.sorted()[0]?.port;
  }

  /** Takes in the ports of the last second. */
  update(ports: readonly TopPort[]): void {
    this.#ports = [...ports];
    this.#history = new Map(
      ports.map(({ port, rx, tx }) => [
        port,
        [...(this.#history.get(port) ?? []), rx.bitsPerSecond + tx.bitsPerSecond].slice(-SAMPLES),
      ]),
    );
  }

  /** Sorts by another column or, if the ports are sorted by this column already, in the opposite order. */
  sortBy(key: SortKey): void {
    this.#reversed = key === this.#sort && !this.#reversed;
    this.#sort = key;
  }

  sorted(): TopPort[] {
    const { by, ascending } = SORTS[this.#sort];
    const sign = ascending === this.#reversed ? -1 : 1;
    return this.#ports.toSorted((a, b) => {
      const [x, y] = [by(a), by(b)];
      return x === y ? a.port - b.port : x < y ? -sign : sign;
    });
  }

  /** Moves the selection by a number of lines, and stops at the first and the last one. */
  move(lines: number): void {
    const sorted = this.sorted();
    const at = sorted.findIndex(({ port }) => port === this.selected);
    this.#selected = sorted[Math.max(0, Math.min(sorted.length - 1, at + lines))]?.port;
  }

  /** Returns the last minute of a port in `width` characters, in proportion to the highest rate of that minute. */
  sparkline(port: number, width: number): string {
    const history = this.#history.get(port) ?? [];
    const padded = [...Array.from({ length: SAMPLES - history.length }, () => undefined), ...history];
    const highest = Math.max(...history, 1);
    return Array.from({ length: width }, (_, i) => {
      const part = padded.slice(Math.floor((i * SAMPLES) / width), Math.ceil(((i + 1) * SAMPLES) / width));
      const known = part.filter((value) => value !== undefined);
      if (known.length === 0) return ' ';
      return BLOCKS[Math.ceil((Math.max(...known) / highest) * (BLOCKS.length - 1))];
    }).join('');
  }
}
