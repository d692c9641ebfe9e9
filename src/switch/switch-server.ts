// The handle that serveConsole() and serveMetrics() return.

/** What serveConsole() and serveMetrics() return: a server for one switch, which is closed with it. */
export interface SwitchServer {
  /** Where it is served: a socket's path, `http://127.0.0.1:9109/metrics`, or `unix:PATH`. */
  readonly address: string;
  /** Ends its connections and removes its socket's file; idempotent. */
  close(): Promise<void>;
  /** The same as close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The part of a switch that its servers need. */
interface Parent {
  closesFirst(close: () => unknown): () => void;
}

/** A server that is closed before the switch, and once. */
export function serverOf(sw: Parent, address: string, close: () => Promise<void>): SwitchServer {
  let closed: Promise<void> | undefined;
  const closeOnce = () => {
    closed ??= close().finally(forget);
    return closed;
  };
  const forget = sw.closesFirst(closeOnce);
  return { address, close: closeOnce, [Symbol.asyncDispose]: closeOnce };
}
