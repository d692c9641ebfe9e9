// The events that a switch emits, which the console's debug lines and the program's log and status use.
import type { EventCategory } from '../fstp/effect.ts';

/** An event in a switch, as passed with its `event` event. */
export type SwitchEvent =
  | { type: 'port-created'; port: number }
  /** The port's last endpoint was detached; the port stays. */
  | { type: 'port-inactive'; port: number }
  | { type: 'endpoint-added' | 'endpoint-removed'; port: number; endpoint: number }
  | { type: 'endpoint-described'; port: number; endpoint: number; description: string }
  /** An address was learned or forgotten. Emitted only while MacTable.watched is true. */
  | { type: 'mac-added' | 'mac-removed'; mac: string; vlan: number; port: number }
  /** A change in a spanning tree, worded as in vde_switch. */
  | { type: 'spanning-tree'; category: EventCategory; text: string };
