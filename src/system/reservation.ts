// What the switch grants to whatever brings it endpoints: ports, reserved for an attachment or for a client. Declared below
// backends/ and control/, which use it; switch/reservations.ts implements it for both.
import type { JoinRequest } from '../protocol/request.ts';
import type { Transport } from './native.ts';

/** The port that a client asks for: any free one, or one by its number. */
export type WantedPort = JoinRequest['wanted'];

/** Port numbers, both ends included. */
export interface PortRange {
  first: number;
  last: number;
}

export interface Reservations {
  /**
   * Reserves the lowest free port, of `range` or of all, for an attachment alone. Throws SwitchError EADDRINUSE, EINVAL, ENOSPC.
   */
  forAttachment(attachment: AttachmentRequest): Reservation;
  /**
   * Reserves a port for a client of this user: the port asked for, or the lowest that is free, or inactive and
   * allocatable. An active port takes further endpoints of the same user. `kind` is its endpoints' kind; default `vde`.
   * Throws SwitchError EACCES, EADDRINUSE, EINVAL, ENOSPC.
   */
  forClient(wanted: WantedPort, uid: number, kind?: string): Reservation;
  /** Returns an endpoint ID that is not in use, a different one each time. */
  nextEndpointId(): number;
  /** Creates a VLAN that does not exist. Returns a function that removes it again, unless it has got members or was there before. */
  ensureVlan(vlan: number): () => void;
}

export interface AttachmentRequest {
  id: string;
  kind: string;
  range?: PortRange | undefined;
  /** The port's untagged VLAN until it is released. */
  vlan?: number | undefined;
  /** Called once when the reservation ends. */
  released(): void;
}

/** A port reserved for an attachment or a client, to which an endpoint is attached and detached. */
export interface Reservation {
  readonly port: number;
  /** Attaches an endpoint in place of the one before. From here on the engine owns the descriptor, also when this throws. */
  attach(endpoint: NewEndpoint): void;
  /** Detaches the endpoint without calling its `ended`; the port stays reserved. Idempotent. */
  detach(): void;
  /** Detaches the endpoint and gives the port back; its settings and counters stay. Idempotent. */
  release(): void;
  /** Releases the port, and removes it if it was created for this reservation: for openings and joins that failed. */
  cancel(): void;
}

export interface NewEndpoint {
  /** Its ID, from nextEndpointId(); one is chosen where none is given. */
  id?: number;
  transport: Transport;
  /** The peer or device, for port/print and metrics. */
  description: string;
  /**
   * Called when the engine reports that the endpoint has ended, or when an administrator closes it. The endpoint is detached
   * once this returns. `why` is for a log line.
   */
  ended(why: string): void;
}
