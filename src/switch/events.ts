// The events that a switch emits. The console's debug lines, the program's log and the feed of events use them.
import type { EventCategory } from '../fstp/effect.ts';
import type { Direction } from '../system/engine.ts';

/** An event in a switch, as passed to the listeners of Switch's `event`. */
export type SwitchEvent =
  | { type: 'port-created' | 'port-removed'; port: number }
  /** The port's last endpoint was detached; the port stays. */
  | { type: 'port-inactive'; port: number }
  /** The port's name has changed; `name` is undefined if the port has none now. */
  | { type: 'port-named'; port: number; name: string | undefined }
  /** The port's VLANs have changed. `untaggedVlan` is 4095 if there is none, and `vlans` includes it otherwise. */
  | { type: 'port-vlans'; port: number; untaggedVlan: number; vlans: number[] }
  | EndpointEvent
  | { type: 'endpoint-described'; port: number; endpoint: number; description: string }
  | { type: 'attachment-opened' | 'attachment-closed'; attachment: string; kind: string }
  /**
   * An attachment has lost its connection, or could not connect, for the given reason, and tries again. A series of
   * attempts that fail is one event.
   */
  | { type: 'attachment-reconnecting'; attachment: string; kind: string; reason: string }
  /** An address was learned. This event and the next two are emitted only while someone has called MacTable.watch(). */
  | { type: 'mac-added'; mac: string; vlan: number; port: number }
  /** An address moved from port `from` to `port`. */
  | { type: 'mac-moved'; mac: string; vlan: number; port: number; from: number }
  | { type: 'mac-removed'; mac: string; vlan: number; port: number; reason: MacRemoval }
  /** An address was also seen on port `elsewhere`, but has moved so often that it stays on `port` for `seconds`. */
  | { type: 'mac-flapping'; mac: string; vlan: number; port: number; elsewhere: number; seconds: number }
  | { type: 'vlan-created' | 'vlan-removed'; vlan: number }
  /** A change in a spanning tree, worded as in vde_switch. */
  | { type: 'spanning-tree'; category: EventCategory; text: string };

/** An endpoint was attached to a port: a client has joined, or an attachment has connected. Or it was detached. */
export interface EndpointEvent {
  /** Whether the endpoint was attached or detached. */
  type: 'endpoint-added' | 'endpoint-removed';
  /** The number of the port. */
  port: number;
  /** The endpoint's ID. */
  endpoint: number;
  /** The kind of the endpoint; see EndpointInfo. */
  kind: string;
  /** The ID of the attachment that the endpoint belongs to; absent for a client or a plug. */
  attachment?: string;
  /** The peer or device. A client's description is the text that it sent, and may contain anything. */
  description: string;
}

/**
 * Why an address was removed: it aged out, it was evicted from a full table, or its port, its VLAN, a change of a
 * spanning tree or a command required the removal.
 */
export type MacRemoval = 'aged-out' | 'evicted' | 'forgotten';

/** The dropping of a port's frames, for one of the reasons in PortCounters, has begun or ended. */
export interface DropEvent {
  /** `drops-ended` follows when no frame was dropped for this reason for three seconds. */
  type: 'drops-started' | 'drops-ended';
  /** The number of the port. */
  port: number;
  /** `rx`: frames that the switch received from the port; `tx`: frames on their way to it. */
  direction: Exclude<Direction, 'both'>;
  /** The reason, such as `queue_full`. */
  reason: string;
  /** How many frames were dropped in the last second (`drops-started`), or since the drops began (`drops-ended`). */
  frames: number;
}

/** Events are missing here, because there were more than could be passed on. */
export interface GapEvent {
  /** The type of this event. */
  type: 'gap';
  /** How many events are missing. Their numbers are missing, too. */
  lost: number;
}

/** An event of EventFeed. */
export type FeedEvent = (SwitchEvent | DropEvent | GapEvent) & {
  /** The number of the event; 1 for the first event of the feed. */
  sequence: number;
  /** When the event occurred, in milliseconds since 1970. */
  time: number;
  /** The name of the event's port at that time; absent if it has none. */
  name?: string | undefined;
};
