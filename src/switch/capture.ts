// Looking at every frame that comes and leaves: for plugins and people, never for forwarding. The engine copies frames only
// while somebody looks, and loses (and counts) those that come faster than they are looked at.
import type { NativeEngine } from '../system/native.ts';

export interface CapturedFrame {
  /** Came from the port, or leaves by it. */
  direction: 'received' | 'transmitted';
  port: number;
  /** As on the wire of that port: with a tag where it has one, without FCS; never a datagram that a TAP gave whole, but its frames. */
  bytes: Buffer;
}

export class Capture {
  readonly #engine: NativeEngine;
  readonly #listeners = new Set<(frame: CapturedFrame) => void>();

  constructor(engine: NativeEngine) {
    this.#engine = engine;
  }

  /** Returns what ends it. */
  start(listener: (frame: CapturedFrame) => void): () => void {
    this.#listeners.add(listener);
    this.#engine.configure({ capture: true });
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#engine.configure({ capture: false });
    };
  }

  deliver(frame: CapturedFrame): void {
    for (const listener of this.#listeners) listener(frame);
  }
}
