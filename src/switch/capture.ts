// Copies every frame to listeners, for plugins and people. The engine copies only while there is a listener; copies that are not taken
// in time are lost and counted.
import type { NativeEngine } from '../system/native.ts';

/** A frame that the switch received from a port, or sent to it. */
export interface CapturedFrame {
  /** Received from the port, or transmitted to it. */
  direction: 'received' | 'transmitted';
  /** The number of the port. */
  port: number;
  /**
   * The frame as on the wire of that port, from the destination address on: tagged or not, without FCS, never a larger
   * segment of a TAP.
   */
  bytes: Buffer;
}

/**
 * Copies of every frame, for programs that look at traffic. It is not for forwarding: copies that are not taken in time
 * are lost.
 */
export class Capture {
  readonly #engine: NativeEngine;
  readonly #listeners = new Set<(frame: CapturedFrame) => void>();

  /** @internal */
  constructor(engine: NativeEngine) {
    this.#engine = engine;
  }

  /**
   * Calls `listener` with each frame that any port receives or transmits. Frames that arrive faster than the listener
   * takes them are lost and counted in Switch.eventsLost. Returns a function that ends the capture.
   */
  start(listener: (frame: CapturedFrame) => void): () => void {
    this.#listeners.add(listener);
    this.#engine.configure({ capture: true });
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#engine.configure({ capture: false });
    };
  }

  /** @internal */
  deliver(frame: CapturedFrame): void {
    for (const listener of this.#listeners) listener(frame);
  }
}
