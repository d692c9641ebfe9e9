// The events that a switch emits. The console's debug lines and the program's log and status use them.
import type { EventCategory } from '../fstp/effect.ts';

/** What happens in a switch, as its event `event` tells. */
export type SwitchEvent =
  | { type: 'port-created'; port: number }
  /** The port's last endpoint was detached; the port stays. */
  | { type: 'port-inactive'; port: number }
  | { type: 'endpoint-added' | 'endpoint-removed'; port: number; endpoint: number }
  | { type: 'endpoint-described'; port: number; endpoint: number; description: string }
  /** Emitted only while MacTable.watched is true. */
  | { type: 'mac-added' | 'mac-removed'; mac: string; vlan: number; port: number }
  /** A change in a spanning tree, in vde_switch's words. */
  | { type: 'spanning-tree'; category: EventCategory; text: string };
