// The traffic of a port and its rates, from two samples of the port's counters.
import type { CountersData } from './console-data.ts';

/** The traffic in one direction: rx is what the switch receives from the port, tx what it sends to the port. */
export interface Flow {
  bitsPerSecond: number;
  framesPerSecond: number;
  dropsPerSecond: number;
  bytes: number;
  frames: number;
  drops: number;
}

export interface Traffic {
  rx: Flow;
  tx: Flow;
}

/**
 * Returns the traffic between two samples. The counters of a port without an earlier sample are taken to have started
 * at 0, and so are counters that were reset between the samples.
 */
export function trafficOf(now: CountersData, before: CountersData | undefined, seconds: number): Traffic {
  return {
    rx: flow(totals(now, 'receive'), before && totals(before, 'receive'), seconds),
    tx: flow(totals(now, 'transmit'), before && totals(before, 'transmit'), seconds),
  };
}

function totals(counters: CountersData, direction: 'receive' | 'transmit'): Pick<Flow, 'bytes' | 'frames' | 'drops'> {
  const casts = (['Unicast', 'Multicast', 'Broadcast'] as const).map((cast) => counters[`${direction}${cast}`]);
  return {
    bytes: counters[`${direction}Bytes`],
    frames: casts.reduce((sum, count) => sum + count, 0),
    drops: Object.values(counters[`${direction}Drops`]).reduce((sum, count) => sum + count, 0),
  };
}

function flow(now: Pick<Flow, 'bytes' | 'frames' | 'drops'>, before: typeof now | undefined, seconds: number): Flow {
  const rate = (name: keyof typeof now) => {
    const since = before?.[name] ?? 0;
    return Math.round((10 * (now[name] - (since > now[name] ? 0 : since))) / seconds) / 10;
  };
  return {
    bitsPerSecond: Math.round(8 * rate('bytes')),
    framesPerSecond: rate('frames'),
    dropsPerSecond: rate('drops'),
    ...now,
  };
}
