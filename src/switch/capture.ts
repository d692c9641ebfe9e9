// Passes copies of all frames to listeners, for plugins and for diagnosis. The engine copies frames only while there is
// a listener. Copies that are not read in time are lost and counted.
import type { NativeEngine } from '../system/engine.ts';

/** A frame that the switch received from a port, or sent to it. */
export interface CapturedFrame {
  /** Whether the frame was received from the port or transmitted to it. */
  direction: 'received' | 'transmitted';
  /** The number of the port. */
  port: number;
  /**
   * The frame as on the wire of that port, from the destination address on: tagged or untagged, without FCS. An
   * unsegmented datagram of a TAP is captured as its segments.
   */
  bytes: Buffer;
}

/**
 * Copies of all frames, for programs that inspect traffic. Do not forward frames with it: copies that are not read in
 * time are lost.
 */
export class Capture {
  readonly #engine: NativeEngine;
  readonly #listeners = new Set<(frame: CapturedFrame) => void>();

  /** @internal */
  constructor(engine: NativeEngine) {
    this.#engine = engine;
  }

  /**
   * Calls `listener` with each frame that any port receives or transmits. If frames arrive faster than the listener
   * handles them, some are lost and counted in Switch.eventsLost. Returns a function that ends the capture.
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
