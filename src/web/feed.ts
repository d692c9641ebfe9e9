// The streams of the page (server-sent events). Once a second, one message is made for all streams; while there is no
// stream, nothing is computed. A stream whose browser has not read the previous message gets no further one. If the
// browser reads again, it gets the whole state; if it does not for SLOW_SECONDS, its stream is closed.
import type { ServerResponse } from 'node:http';
import { eventText } from '../switch/event-text.ts';
import type { FeedEvent } from '../switch/events.ts';
import type { Switch } from '../switch/switch.ts';
import type { LiveEvent, LiveMessage } from './live.ts';
import { liveCounters, livePorts, liveSwitch } from './snapshot.ts';

export const STREAMS_MAX = 16;
const PERIOD_MS = 1000;
const SLOW_SECONDS = 5;
/** The most events of one message. If there were more, the oldest are missing. */
const EVENTS_MAX = 100;

interface Stream {
  response: ServerResponse;
  /** How many messages in a row the stream has missed. */
  missed: number;
}

export class Feed {
  readonly #switch: Switch;
  readonly #streams = new Set<Stream>();
  /** The state of each port that the streams know, as JSON. */
  #ports = new Map<number, string>();
  #counters = new Map<number, string>();
  /** The latest events, the oldest first. */
  #events: FeedEvent[] = [];
  /** The sequence number of the last event that was sent. */
  #told = 0;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: () => void = () => {};

  constructor(sw: Switch) {
    this.#switch = sw;
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Adds a stream, whose head has been sent, and sends it the whole state. */
  add(response: ServerResponse): void {
    const stream = { response, missed: 0 };
    if (this.#streams.size === 0) this.#start();
    this.#streams.add(stream);
    response.once('close', () => this.#remove(stream));
    response.on('error', () => {});
    response.write(encode(this.#whole()));
  }

  close(): void {
    for (const { response } of this.#streams) response.destroy();
    this.#streams.clear();
    this.#stop();
  }

  #remove(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#stop();
  }

  #start(): void {
    this.#timer = setInterval(() => this.#tick(), PERIOD_MS);
    this.#unlisten = this.#switch.events.listen((event) => {
      this.#events.push(event);
      if (this.#events.length > EVENTS_MAX) this.#events.shift();
    });
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#unlisten();
    this.#events = [];
    this.#ports.clear();
    this.#counters.clear();
  }

  #tick(): void {
    const changes = encode(this.#changes());
    let whole: string | undefined;
    for (const stream of this.#streams) {
      const { response } = stream;
      if (response.writableLength > 0) {
        if (++stream.missed >= SLOW_SECONDS) response.destroy();
        continue;
      }
      if (stream.missed > 0) whole ??= encode(this.#whole());
      response.write(stream.missed > 0 ? whole : changes);
      stream.missed = 0;
    }
  }

  #whole(): LiveMessage {
    const sw = this.#switch;
    return {
      at: performance.now(),
      switch: liveSwitch(sw),
      whole: true,
      ports: livePorts(sw),
      removed: [],
      counters: liveCounters(sw),
      events: this.#events.map(liveEvent),
    };
  }

  /** Returns the ports and counters that differ from those of the previous call, and the events since that call. */
  #changes(): LiveMessage {
    const message = this.#whole();
    const [ports, counters] = [byPort(message.ports), byPort(message.counters)];
    const before = { ports: this.#ports, counters: this.#counters };
    this.#ports = ports;
    this.#counters = counters;
    const told = this.#told;
    this.#told = this.#switch.events.sequence;
    return {
      ...message,
      whole: false,
      ports: message.ports.filter(({ port }) => before.ports.get(port) !== ports.get(port)),
      events: message.events.filter(({ sequence }) => sequence > told),
      removed: [...before.ports.keys()].filter((port) => !ports.has(port)),
      counters: message.counters.filter(({ port }) => before.counters.get(port) !== counters.get(port)),
    };
  }
}

function liveEvent(event: FeedEvent): LiveEvent {
  const { sequence, time } = event;
  return { sequence, time, text: eventText(event), port: 'port' in event ? event.port : undefined };
}

function byPort(rows: readonly { port: number }[]): Map<number, string> {
  return new Map(rows.map((row) => [row.port, JSON.stringify(row)]));
}

/** Returns a message as a server-sent event. JSON has no line breaks, so one data line is enough. */
function encode(message: LiveMessage): string {
  return `data: ${JSON.stringify(message)}\n\n`;
}
