// Numbers the events of a switch for the listeners that show them. Without a listener nothing is computed: addresses
// are not watched, and counters are not compared.
import type { EventsLost } from '../system/engine.ts';
import type { PortCounters } from './counters.ts';
import { DropWatch } from './drop-watch.ts';
import type { DropEvent, FeedEvent, GapEvent, SwitchEvent } from './events.ts';

const SAMPLE_MS = 1000;

/** The parts of the switch that the feed uses. @internal */
export interface FeedSource {
  /** Calls `listener` with each event of the switch, until the returned function is called. */
  onEvent(listener: (event: SwitchEvent) => void): () => void;
  /** Makes each change of the MAC table an event, until the returned function is called. */
  watchMacs(): () => void;
  counters(): PortCounters[];
  eventsLost(): EventsLost;
  nameOf(port: number): string | undefined;
}

/**
 * The events of a switch in order: who joins and leaves, names, addresses, VLANs, spanning trees, attachments that
 * reconnect, and frames that begin or cease to be dropped. Each event has a number and a time.
 */
export class EventFeed {
  readonly #source: FeedSource;
  readonly #listeners = new Set<(event: FeedEvent) => void>();
  #sequence = 0;
  #stop: () => void = () => {};

  /** @internal */
  constructor(source: FeedSource) {
    this.#source = source;
  }

  /** The number of the last event; 0 if there was none. Events without a listener have no number. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Calls `listener` with each event from now on. Returns a function that ends this. */
  listen(listener: (event: FeedEvent) => void): () => void {
    const own = (event: FeedEvent) => listener(event); // so that one function can listen twice
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#stop = this.#start();
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#stop();
    };
  }

  /** Forgets all listeners. @internal */
  close(): void {
    if (this.#listeners.size > 0) this.#stop();
    this.#listeners.clear();
  }

  #start(): () => void {
    const { onEvent, watchMacs, counters, eventsLost } = this.#source;
    const tell = (event: SwitchEvent) => {
      // The description of an endpoint is already in its `endpoint-added` event.
      if (event.type !== 'endpoint-described') this.#tell(event);
    };
    const stop = onEvent(tell);
    const unwatch = watchMacs();
    const drops = new DropWatch(counters());
    let lostBefore = eventsLost().mac;
    const timer = setInterval(() => {
      for (const event of drops.sample(counters())) this.#tell(event);
      const { mac: lost } = eventsLost();
      if (lost > lostBefore) this.#tellGap(Number(lost - lostBefore));
      lostBefore = lost;
    }, SAMPLE_MS).unref();
    return () => {
      stop();
      unwatch();
      clearInterval(timer);
    };
  }

  /** Reports events that the engine lost. */
  #tellGap(lost: number): void {
    this.#sequence += lost - 1;
    this.#tell({ type: 'gap', lost });
  }

  #tell(event: SwitchEvent | DropEvent | GapEvent): void {
    const name = 'port' in event ? this.#source.nameOf(event.port) : undefined;
    const numbered: FeedEvent = {
      sequence: ++this.#sequence,
      time: Date.now(),
      ...(name !== undefined && { name }),
      ...event,
    };
    for (const listener of [...this.#listeners]) listener(numbered);
  }
}
