// What a kind of port is, and what it has of the switch: a backend claims places, which are ports, and attaches an endpoint
// to each. To add a kind: a file here, and its line in kinds.ts.
import type { LogLevel } from '../system/log.ts';
import type { Transport } from '../system/native.ts';
import type { Keys, Values } from './keys.ts';

export interface Kind {
  name: string;
  help: string;
  /** But for the common ones. */
  keys: Keys;
  /**
   * Resolves when it is usable, or has begun to try what it goes on trying. Throws SwitchError with a sentence: then, and when
   * it is closed, the host gives back the places that are left, but whatever else it opened is its own to close.
   */
  open(values: Values<Keys>, host: BackendHost): Backend | Promise<Backend>;
}

/** With the type of its values drawn from its keys. */
export function defineKind<const K extends Keys>(
  kind: Omit<Kind, 'keys' | 'open'> & {
    keys: K;
    open(values: Values<K>, host: BackendHost): Backend | Promise<Backend>;
  },
): Kind {
  return kind;
}

/** What a spec has opened. */
export interface Backend {
  /** Ends whatever it does, and everything it may still be about to do; idempotent. */
  close(): void | Promise<void>;
  /** For metrics; read at each scrape. */
  stats?(): BackendStats;
}

/** The switch, as a backend sees it. */
export interface BackendHost {
  /** Of the spec: the name in logs, metrics and port/detach. */
  readonly id: string;
  /** The switch's own control directory, once it listens. */
  readonly directory: string | undefined;
  /** It is closed, also while it is opened: what it may still be about to do is not wanted any more. */
  readonly over: AbortSignal;
  /** Adds the id. */
  log(message: string, level?: LogLevel): void;
  /**
   * A port of the switch for this spec alone, by its switchport= and vlan=; one that claims several takes those that follow.
   * Throws SwitchError: ENOSPC, EADDRINUSE.
   */
  claim(options?: { atMost?: number }): Place;
  /** It has ended by itself, and is closed and forgotten. */
  end(): void;
}

/** A port that is held for a backend, with an endpoint or without. */
export interface Place {
  readonly port: number;
  /** The engine owns the descriptor from here on, also when this throws. One endpoint at a time: what was there is detached. */
  attach(endpoint: PlacedEndpoint): void;
  /** Ends the endpoint, without telling; the port stays held. Idempotent. */
  detach(): void;
  /** Gives the port back, and its VLAN; idempotent. */
  release(): void;
}

/** Port numbers from one to another. */
export interface PortRange {
  first: number;
  last: number;
}

export interface PlacedEndpoint {
  transport: Transport;
  /** Who or what is there, for port/print and metrics. */
  description: string;
  /** The engine reports its end, or the console ordered it; it is detached already. `why` is for a log line. */
  ended(why: string): void;
}

/** Every number a backend may count, for tsvde_backend_NAME{id,backend}. */
export const BACKEND_STATS = {
  connections: { type: 'gauge', help: 'Connections that are open now.' },
  reconnects: { type: 'counter', help: 'Connections made again after one was lost.' },
  forwards: { type: 'gauge', help: 'Ports of the host that are forwarded to guests (user).' },
  restarts: { type: 'counter', help: 'Times that the user-mode stack had died and was started again.' },
  ignored: { type: 'counter', help: 'Frames that are not for the user-mode stack: between guests, or to groups.' },
  drop_too_short: { type: 'counter', help: 'Frames of fewer than 14 bytes (user).' },
  drop_too_long: { type: 'counter', help: "Frames of more than the network's MTU (user)." },
  drop_fragment: { type: 'counter', help: 'IPv4 fragments that did not come in their order (user).' },
  drop_not_taken: { type: 'counter', help: 'Frames that the switch did not take from the user-mode stack in time.' },
  refused: { type: 'counter', help: 'Connections refused because there was no room for them.' },
} as const satisfies Record<string, { type: 'gauge' | 'counter'; help: string }>;

export type BackendStats = Partial<Record<keyof typeof BACKEND_STATS, number>>;
