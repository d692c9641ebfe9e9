// The interface by which backends and clients get ports: each port is reserved for an attachment or for a client.
// backends/ and control/ use it, so it is declared in system/, the layer below both. switch/reservations.ts implements
// it.
import type { JoinRequest } from '../protocol/request.ts';
import type { Transport } from './engine.ts';

/** The port that a client asks for: any free one, or one by its number. */
export type WantedPort = JoinRequest['wanted'];

/** Up to `atMost` consecutive ports from `first`, which is given by its number or its name. */
export interface PortRange {
  first: number | string;
  atMost: number;
}

export interface Reservations {
  /**
   * Reserves a port exclusively for an attachment: the lowest free port, or the lowest free port of `range` if that is
   * given. Throws SwitchError EADDRINUSE, EINVAL, ENOSPC.
   */
  forAttachment(attachment: AttachmentRequest): Reservation;
  /**
   * Reserves a port for a client of user `uid`: the port with the number that the client asked for. If the client asked
   * for any port, reserves the lowest one that either does not exist yet or is free and allocatable. An active port
   * accepts further endpoints of the same user. `kind` is the kind of endpoint; default `vde`. Throws SwitchError
   * EACCES, EADDRINUSE, EINVAL, ENOSPC.
   */
  forClient(wanted: WantedPort, uid: number, kind?: string): Reservation;
  /** Returns an endpoint ID that is not in use. IDs are reused as late as possible. */
  nextEndpointId(): number;
  /**
   * Creates a VLAN if it does not exist. Returns a function that removes it again, unless it has members or existed
   * before.
   */
  ensureVlan(vlan: number): () => void;
}

export interface AttachmentRequest {
  id: string;
  kind: string;
  range?: PortRange | undefined;
  /** The port's name until the port is released. */
  name?: string | undefined;
  /** The port's untagged VLAN until the port is released. */
  vlan?: number | undefined;
  /** Called once when the reservation ends. */
  released(): void;
}

/** A port reserved for an attachment or a client. An endpoint can be attached to the port and detached from it. */
export interface Reservation {
  readonly port: number;
  /**
   * Attaches an endpoint in place of the previous one. The engine owns the descriptor from here on, even if this
   * throws.
   */
  attach(endpoint: NewEndpoint): void;
  /** Detaches the endpoint without calling its `ended`; the port stays reserved. Idempotent. */
  detach(): void;
  /** Detaches the endpoint and gives the port back; its settings and counters stay. Idempotent. */
  release(): void;
  /**
   * Releases the port, and also removes the port if it was created for this reservation. Call this if the attachment or
   * the client failed to start.
   */
  cancel(): void;
}

export interface NewEndpoint {
  /** The endpoint's ID, from nextEndpointId(); if it is absent, one is chosen. */
  id?: number;
  transport: Transport;
  /** The peer or device, for port/print and metrics. */
  description: string;
  /**
   * Called when the engine reports that the endpoint has ended, or when an administrator closes it. The endpoint is
   * detached once this callback returns. `why` is for a log line.
   */
  ended(why: string): void;
}
