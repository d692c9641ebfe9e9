// What the spanning tree asks of the switch, to be done in order: port states come before the BPDUs that report them.

/** Whether a port forwards the frames of a VLAN. */
export type PortState = 'discarding' | 'forwarding';
/** What a spanning tree event is about, as the console's debug categories are named. */
export type EventCategory = 'fstp/+' | 'fstp/-' | 'fstp/status' | 'fstp/root';

export type Effect =
  | { kind: 'send'; port: number; vlan: number; tagged: boolean; bytes: Buffer }
  | { kind: 'state'; port: number; vlan: number; state: PortState }
  /** Forget every address learned in this VLAN. */
  | { kind: 'flush'; vlan: number }
  /** For the console's subscribers, in vde_switch's words. */
  | { kind: 'event'; category: EventCategory; text: string };

/** Returns `Port 0001 VLAN 01:2c`, as vde_switch does: the VLAN as two bytes, the high one first. */
export function placeText(port: number, vlan: number): string {
  const hex = vlan.toString(16).padStart(4, '0');
  return `Port ${String(port).padStart(4, '0')} VLAN ${hex.slice(0, 2)}:${hex.slice(2)}`;
}
