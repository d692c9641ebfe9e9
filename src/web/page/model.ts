// The data of the page: the ports, and their rates over the last ten minutes that the page was open. No DOM here.
import type { LiveCounters, LiveFlow, LiveMessage, LivePort, LiveSwitch } from '../live.ts';

/** The number of samples that are kept: one a second for ten minutes. */
const SAMPLES = 600;
/** For how many seconds a port is shown as dropping after its last drop, so that a single drop can be seen. */
const DROPPING_SECONDS = 3;

export type Appearance = LivePort['state'] | 'dropping';

/** Rates per second of one direction. */
export interface Rate {
  bits: number;
  frames: number;
  drops: number;
}

const NO_RATE: Rate = { bits: 0, frames: 0, drops: 0 };

export class Port {
  info: LivePort;
  counters: LiveCounters | undefined;
  rx = NO_RATE;
  tx = NO_RATE;
  /** When frames were last dropped, in milliseconds of the server. */
  droppedAt = Number.NEGATIVE_INFINITY;
  /** Bits per second by the model's index of samples. NaN where the port did not exist. */
  readonly rxHistory = new Float64Array(SAMPLES).fill(Number.NaN);
  readonly txHistory = new Float64Array(SAMPLES).fill(Number.NaN);

  constructor(info: LivePort) {
    this.info = info;
  }

  get number(): number {
    return this.info.port;
  }

  /** The port's name, or else the description of its newest endpoint, or else its attachment. */
  get label(): string {
    const { name, attachment, endpoints } = this.info;
    return name ?? endpoints[0]?.description ?? attachment ?? '';
  }

  appearance(now: number): Appearance {
    const { state } = this.info;
    return state === 'up' && now - this.droppedAt < DROPPING_SECONDS * 1000 ? 'dropping' : state;
  }
}

export class Model {
  readonly ports = new Map<number, Port>();
  switch: LiveSwitch | undefined;
  /** The time of the last message, in milliseconds of the server. */
  now = 0;
  /** The times of the samples, in seconds since the epoch. */
  readonly #times = new Float64Array(SAMPLES).fill(Number.NaN);
  #next = 0;

  /** Takes in a message. `clock` is in milliseconds since the epoch. Returns whether ports have come or gone. */
  apply(message: LiveMessage, clock: number): boolean {
    // A server's clock that went back is that of another process, whose counters began anew.
    const seconds = message.at > this.now ? (message.at - this.now) / 1000 : undefined;
    this.switch = message.switch;
    this.now = message.at;
    let renumbered = false;
    const listed = new Set(message.ports.map(({ port }) => port));
    const removed = message.whole ? [...this.ports.keys()].filter((port) => !listed.has(port)) : message.removed;
    for (const port of removed) renumbered = this.ports.delete(port) || renumbered;
    for (const info of message.ports) {
      const known = this.ports.get(info.port);
      if (known) known.info = info;
      else {
        this.ports.set(info.port, new Port(info));
        renumbered = true;
      }
    }
    const changed = new Map(message.counters.map((counters) => [counters.port, counters]));
    this.#times[this.#next] = clock / 1000;
    for (const port of this.ports.values()) {
      this.#measure(port, changed.get(port.number), seconds);
      port.rxHistory[this.#next] = port.rx.bits;
      port.txHistory[this.#next] = port.tx.bits;
    }
    this.#next = (this.#next + 1) % SAMPLES;
    return renumbered;
  }

  /** Returns the ports in order of number. */
  sorted(): Port[] {
    return [...this.ports.values()].sort((a, b) => a.number - b.number);
  }

  /** Returns the times of the samples and a port's rates in bits per second, the oldest first. */
  history(port: Port): [times: number[], rx: number[], tx: number[]] {
    const order = Array.from({ length: SAMPLES }, (_, i) => (this.#next + i) % SAMPLES);
    const known = order.filter((i) => !Number.isNaN(this.#times[i]) && !Number.isNaN(port.rxHistory[i]));
    return [
      known.map((i) => this.#times[i]!),
      known.map((i) => port.rxHistory[i]!),
      known.map((i) => port.txHistory[i]!),
    ];
  }

  #measure(port: Port, now: LiveCounters | undefined, seconds: number | undefined): void {
    const before = port.counters;
    if (now) port.counters = now;
    if (!now || !before || seconds === undefined) {
      port.rx = NO_RATE;
      port.tx = NO_RATE;
      return;
    }
    port.rx = rateOf(now.rx, before.rx, seconds);
    port.tx = rateOf(now.tx, before.tx, seconds);
    if (port.rx.drops + port.tx.drops > 0) port.droppedAt = this.now;
  }
}

export function framesOf({ unicast, multicast, broadcast }: LiveFlow): number {
  return unicast + multicast + broadcast;
}

/** The sum of the drops, without those that are the normal work of a switch: the addressee is on the same port. */
export function dropsOf({ drops }: LiveFlow): number {
  return Object.entries(drops).reduce((sum, [reason, count]) => (reason === 'same_port' ? sum : sum + count), 0);
}

function rateOf(now: LiveFlow, before: LiveFlow, seconds: number): Rate {
  const since = (a: number, b: number) => (a < b ? a : a - b) / seconds; // less than before: they were reset
  return {
    bits: 8 * since(now.bytes, before.bytes),
    frames: since(framesOf(now), framesOf(before)),
    drops: since(dropsOf(now), dropsOf(before)),
  };
}
