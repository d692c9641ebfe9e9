// What happens in a switch, for whoever watches: the console's debug lines are made of these.
import type { EventCategory } from '../fstp/effect.ts';

export type SwitchEvent =
  | { type: 'port-created'; port: number }
  /** Its last endpoint left; the port stays. */
  | { type: 'port-inactive'; port: number }
  | { type: 'endpoint-added' | 'endpoint-removed'; port: number; endpoint: number }
  | { type: 'endpoint-described'; port: number; endpoint: number; description: string }
  /** Only while the MAC table is watched. */
  | { type: 'mac-added' | 'mac-removed'; mac: string; vlan: number; port: number }
  /** In vde_switch's words. */
  | { type: 'spanning-tree'; category: EventCategory; text: string };
