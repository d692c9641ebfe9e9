// Renders the metrics for scrapes: at most once a second in each format, to leave the CPU to the switch, and in slices,
// so that other work of the event loop waits for one slice only.
import { setImmediate } from 'node:timers/promises';
import type { Switch } from '../switch/switch.ts';
import { contentType, expose, type Format, one } from './exposition.ts';
import { processFamilies } from './process-metrics.ts';
import { SwitchMetrics } from './switch-metrics.ts';

/** How long rendered metrics are served again, in milliseconds. */
const FRESH_MS = 1000;
/** How long a slice takes, in milliseconds. */
const SLICE_MS = 5;

export interface Rendered {
  contentType: string;
  body: Buffer;
}

export class Scrapes {
  readonly #switch: Switch;
  readonly #metrics: SwitchMetrics;
  readonly #freshMs: number;
  readonly #rendered = new Map<Format, Promise<Rendered>>();

  constructor(sw: Switch, version: string, freshMs = FRESH_MS) {
    this.#switch = sw;
    this.#metrics = new SwitchMetrics(sw, version);
    this.#freshMs = freshMs;
  }

  /** Returns metrics that are at most a second old, or those that are being rendered. */
  get(format: Format): Promise<Rendered> {
    const found = this.#rendered.get(format);
    if (found) return found;
    const rendering = this.#render(format);
    this.#rendered.set(format, rendering);
    const forget = () => void this.#rendered.delete(format);
    rendering.then(() => (this.#freshMs === 0 ? forget() : setTimeout(forget, this.#freshMs).unref()), forget);
    return rendering;
  }

  async #render(format: Format): Promise<Rendered> {
    const silence = await this.#switch.heartbeat();
    const heartbeat = one(
      'gauge',
      'tsvde_engine_heartbeat_seconds',
      "Seconds for which the engine's thread has left a question unanswered; 0 if it answers.",
      silence,
    );
    // The other metrics need the engine, and so would wait for it.
    const families = silence > 0 ? [heartbeat] : [heartbeat, ...this.#metrics.families(), ...processFamilies()];
    const slices: Buffer[] = [];
    let text = '';
    let end = performance.now() + SLICE_MS;
    for await (const piece of expose(families, format, { switch: this.#switch.name })) {
      text += piece;
      if (performance.now() < end) continue;
      slices.push(Buffer.from(text));
      text = '';
      await setImmediate();
      end = performance.now() + SLICE_MS;
    }
    return { contentType: contentType(format), body: Buffer.concat([...slices, Buffer.from(text)]) };
  }
}
