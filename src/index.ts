// The library: a switch, and a plug for it. Everything that a public signature names is exported here.

export type { Attachment } from './backends/attachments.ts';
export type { AttachmentStats } from './backends/kind.ts';
export type {
  CommonKeys,
  DgramSpec,
  SocketSpec,
  SpecObject,
  StreamSpec,
  TapSpec,
  UserSpec,
  VdeSpec,
  VhostUserSpec,
} from './backends/specs.ts';
export { type ConsoleOptions, serveConsole } from './console/serve-console.ts';
export type { ControlInfo, ListenOptions } from './control/control.ts';
export type { DirectoryOptions } from './control/directory.ts';
export type { UserLimits } from './control/quotas.ts';
export type { EventCategory, PortState } from './fstp/effect.ts';
export type { Role as PortRole } from './fstp/port.ts';
export type { BridgeId } from './fstp/vector.ts';
export type { HttpPlace } from './http/place.ts';
export { type MetricsOptions, serveMetrics } from './metrics/serve.ts';
export type { JoinOptions, PlugOptions } from './plug/join.ts';
export { type FramesOptions, Plug } from './plug/plug.ts';
export { type ErrnoName, SwitchError } from './protocol/errors.ts';
export type { Capture, CapturedFrame } from './switch/capture.ts';
export type { CaptureInfo, CaptureOptions, Captures, Direction, FileCaptureOptions } from './switch/captures.ts';
export type { PortCounters } from './switch/counters.ts';
export type { EndpointEnds } from './switch/ends.ts';
export type { EventFeed } from './switch/event-feed.ts';
export type { DropEvent, EndpointEvent, FeedEvent, GapEvent, MacRemoval, SwitchEvent } from './switch/events.ts';
export type { GuestInfo } from './switch/guests.ts';
export type { MacEntry, MacStats, MacTable, MacTimes } from './switch/mac-table.ts';
export type { MirrorInfo, MirrorOptions, Mirrors } from './switch/mirrors.ts';
export type { AttachOptions, SwitchOptions } from './switch/options.ts';
export type { OwnPlugOptions } from './switch/own-plug.ts';
export type { EndpointInfo, PortInfo } from './switch/port-table.ts';
export type { Ports } from './switch/ports.ts';
export type { SpanningTrees, TreePortView, TreeView } from './switch/spanning-trees.ts';
export { Switch } from './switch/switch.ts';
export type { SwitchServer } from './switch/switch-server.ts';
export type { Tuning } from './switch/tuning.ts';
export type { VlanInfo, VlanMember, Vlans } from './switch/vlans.ts';
export type { EventsLost } from './system/engine.ts';
export type { Log, LogFields, LogLevel } from './system/log.ts';
export { type PageOptions, servePage } from './web/serve.ts';
