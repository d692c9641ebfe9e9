// The actions that the spanning tree asks of the switch, in the order in which to take them: port states are set before
// the BPDUs that report them are sent.

/** The state of a port in a VLAN: whether it forwards frames. */
export type PortState = 'discarding' | 'forwarding';
/** The category of a spanning-tree event, named like the console's debug categories. */
export type EventCategory = 'fstp/+' | 'fstp/-' | 'fstp/status' | 'fstp/root';

export type Effect =
  | { kind: 'send'; port: number; vlan: number; tagged: boolean; bytes: Buffer }
  | { kind: 'state'; port: number; vlan: number; state: PortState }
  /** Forget every address learned in this VLAN. */
  | { kind: 'flush'; vlan: number }
  /** An event for the console's subscribers, in vde_switch's words. */
  | { kind: 'event'; category: EventCategory; text: string };

/** Returns text in vde_switch's form, `Port 0001 VLAN 01:2c`: the VLAN is two bytes in hex, the high one first. */
export function placeText(port: number, vlan: number): string {
  const hex = vlan.toString(16).padStart(4, '0');
  return `Port ${String(port).padStart(4, '0')} VLAN ${hex.slice(0, 2)}:${hex.slice(2)}`;
}
