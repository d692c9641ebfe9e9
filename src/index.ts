// The library: a switch, and a plug for it.

export type { AttachedPort } from './backends/backends.ts';
export type { Backend, BackendStats } from './backends/kind.ts';
export type { Capture, CapturedFrame } from './capture.ts';
export type { ControlInfo, ListenOptions } from './control.ts';
export type { PortCounters } from './counters.ts';
export type { MacEntry, MacStats, MacTable, MacTimes } from './mac-table.ts';
export { Plug, type PlugOptions } from './plug.ts';
export type { EndpointInfo, PortInfo } from './ports.ts';
export { type ErrnoName, SwitchError } from './protocol/errors.ts';
export { Switch, type SwitchOptions } from './switch.ts';
export type { SwitchEvent } from './switch-events.ts';
export type { VlanMember, Vlans } from './vlans.ts';
