// The handle that serveConsole(), serveMetrics() and servePage() return.

/**
 * A server for one switch, as returned by serveConsole(), serveMetrics() and servePage(). It is closed with the switch.
 */
export interface SwitchServer {
  /** The address that is served: a socket's path, `http://127.0.0.1:9109/metrics`, or `unix:PATH`. */
  readonly address: string;
  /** Ends the server's connections and removes its socket's file; idempotent. */
  close(): Promise<void>;
  /** Closes the server like close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The part of a switch that its servers need. */
interface Parent {
  closesFirst(close: () => unknown): () => void;
}

/**
 * Returns a handle for a server. `close` runs at most once: when the handle is closed, or when the switch begins to
 * close.
 */
export function serverOf(sw: Parent, address: string, close: () => Promise<void>): SwitchServer {
  let closed: Promise<void> | undefined;
  const closeOnce = () => {
    closed ??= close().finally(forget);
    return closed;
  };
  const forget = sw.closesFirst(closeOnce);
  return { address, close: closeOnce, [Symbol.asyncDispose]: closeOnce };
}
