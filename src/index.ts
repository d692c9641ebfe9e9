// The library: a switch, and a plug for it.

export type { Attachment } from './backends/attachments.ts';
export type { Backend, BackendStats } from './backends/kind.ts';
export type { ControlInfo, ListenOptions } from './control/control.ts';
export { Plug, type PlugOptions } from './plug/plug.ts';
export { type ErrnoName, SwitchError } from './protocol/errors.ts';
export type { Capture, CapturedFrame } from './switch/capture.ts';
export type { PortCounters } from './switch/counters.ts';
export type { SwitchEvent } from './switch/events.ts';
export type { MacEntry, MacStats, MacTable, MacTimes } from './switch/mac-table.ts';
export type { EndpointInfo, PortInfo } from './switch/port-table.ts';
export { Switch, type SwitchOptions } from './switch/switch.ts';
export type { VlanMember, Vlans } from './switch/vlans.ts';
