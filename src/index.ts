// The library: a switch, and a plug for it.

export type { PortCounters } from './counters.ts';
export { Plug, type PlugOptions } from './plug.ts';
export type { EndpointInfo, PortInfo } from './ports.ts';
export { type ErrnoName, SwitchError } from './protocol/errors.ts';
export { type ListenOptions, type MacEntry, type MacStats, Switch, type SwitchOptions } from './switch.ts';
