// Defines what a kind of port provides, and what the switch offers to the kind. The kind's backend reserves ports and
// attaches an endpoint to each. CONTRIBUTING.md says how to add a kind.
import type { LogFields, LogLevel } from '../system/log.ts';
import type { Reservation } from '../system/reservation.ts';
import type { Keys, Values } from './keys.ts';

export interface Kind {
  name: string;
  help: string;
  /** The kind's own keys, besides those that every kind has. */
  keys: Keys;
  /**
   * Opens a spec of this kind. Resolves when the port is usable. A kind that keeps trying to connect may also resolve
   * before it is connected. Throws SwitchError, whose message is a sentence. After an exception, and after close(),
   * the switch releases the reservations that are left; the kind itself must close everything else that it opened.
   */
  open(values: Values<Keys>, host: Host): Backend | Promise<Backend>;
}

/** A kind whose name and keys the compiler knows. */
export interface DefinedKind<N extends string, K extends Keys> extends Kind {
  name: N;
  keys: K;
}

/** Defines a kind, deriving the type of its values from its keys. */
export function defineKind<const N extends string, const K extends Keys>(
  kind: Omit<Kind, 'name' | 'keys' | 'open'> & {
    name: N;
    keys: K;
    open(values: Values<K>, host: Host): Backend | Promise<Backend>;
  },
): DefinedKind<N, K> {
  return kind as DefinedKind<N, K>;
}

/** An open attachment, as its kind sees it. */
export interface Backend {
  /** Stops the backend, including attempts in progress; idempotent. */
  close(): void | Promise<void>;
  /** The addresses that the backend listens or receives on, with the ports that the kernel chose for port 0. */
  addresses?(): readonly string[];
  /** The backend's statistics, read at each scrape of the metrics. */
  stats?(): AttachmentStats;
}

/** The switch, as the backend of an attachment sees it. */
export interface Host {
  /** The attachment's ID: its name in logs, metrics and port/detach. */
  readonly id: string;
  /** The switch's own control directory; undefined if the switch did not listen when the attachment was opened. */
  readonly directory: string | undefined;
  /** Aborted when the attachment is closed, even while open() is pending. */
  readonly signal: AbortSignal;
  readonly whereabouts: Whereabouts;
  /** Writes a log line that begins with the attachment's ID, which is also added to the fields. */
  log(message: string, level?: LogLevel, fields?: LogFields): void;
  /** Reports that the connection is lost, or could not be made, and that the backend tries again. */
  reconnecting(reason: string): void;
  /**
   * Reserves a port for this attachment: the lowest free port or, with `switchport=`, the lowest free port among the
   * `atMost` ports from that number on. `name=` and `vlan=` set the port's name and untagged VLAN. Throws SwitchError
   * ENOSPC, EADDRINUSE, EINVAL, and ENODEV once the attachment is closed.
   */
  reserve(options?: { atMost?: number }): Reservation;
  /** Closes the attachment. A backend calls this when it has ended by itself. */
  end(): void;
}

/** Finds the ports on which the switch has learned MAC addresses. A hub learns no addresses. */
export interface Whereabouts {
  /**
   * Returns the endpoints of the port on which an address was learned in the untagged VLAN of port `from`; undefined if
   * the address is not in the table.
   */
  endpointsOf(mac: string, from: number): readonly number[] | undefined;
  isAttached(endpoint: number): boolean;
  /** Calls the listener after an endpoint of any port has been removed, until the signal is aborted. */
  onRemoved(listener: () => void, signal: AbortSignal): void;
}

/**
 * The statistics of an attachment; each kind has some of them. They are the metrics
 * tsvde_attachment_NAME{attachment,kind}.
 */
export interface AttachmentStats {
  /** Connections that are open now. */
  connections?: number;
  /** Connections made again after one was lost. */
  reconnects?: number;
  /** Host ports that are forwarded to guests. */
  forwards?: number;
  /** Addresses that DHCP has leased to guests. */
  leases?: number;
  /** DHCP requests that were refused because every address was in use. */
  leases_refused?: number;
  /** Times the user-mode stack died and was restarted. */
  restarts?: number;
  /** Frames that are not addressed to the user-mode stack. */
  ignored?: number;
  /** Frames shorter than 14 bytes. */
  drop_too_short?: number;
  /** Frames whose payload exceeds the MTU of the user-mode network. */
  drop_too_long?: number;
  /** IP fragments whose datagram could not be reassembled. */
  drop_fragment?: number;
  /** Frames from the user-mode stack that the switch did not accept in time. */
  drop_not_taken?: number;
  /** Connections refused because the limit was reached. */
  refused?: number;
}

/** The type and the help text of each statistic's metric. */
export const ATTACHMENT_STATS = {
  connections: { type: 'gauge', help: 'Connections that are open now.' },
  reconnects: { type: 'counter', help: 'Connections made again after one was lost.' },
  forwards: { type: 'gauge', help: 'Host ports that are forwarded to guests (user).' },
  restarts: { type: 'counter', help: 'Times that the user-mode stack died and was restarted.' },
  ignored: {
    type: 'counter',
    help: 'Frames that are not addressed to the user-mode stack: between guests, or to groups that it is not in.',
  },
  leases: { type: 'gauge', help: 'Addresses that guests have from DHCP (user).' },
  leases_refused: { type: 'counter', help: 'DHCP requests refused because every address was in use (user).' },
  drop_too_short: { type: 'counter', help: 'Frames shorter than 14 bytes (user).' },
  drop_too_long: { type: 'counter', help: "Frames longer than the network's MTU (user)." },
  drop_fragment: {
    type: 'counter',
    help: 'IP fragments of datagrams that stayed incomplete or whose fragments overlapped (user).',
  },
  drop_not_taken: { type: 'counter', help: 'Frames from the user-mode stack that the switch did not accept in time.' },
  refused: { type: 'counter', help: 'Connections refused because the limit was reached.' },
} as const satisfies Record<keyof AttachmentStats, { type: 'gauge' | 'counter'; help: string }>;
