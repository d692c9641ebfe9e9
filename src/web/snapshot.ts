// The state of a switch as the page gets it.
import type { PortCounters } from '../switch/counters.ts';
import type { PortInfo } from '../switch/port-table.ts';
import type { Switch } from '../switch/switch.ts';
import { NO_VLAN } from '../switch/vlans.ts';
import { TSVDE_VERSION } from '../system/version.ts';
import type { LiveCounters, LiveFlow, LivePort, LiveSwitch } from './live.ts';

/** The longest description that is sent, in characters. */
const DESCRIPTION_MAX = 256;

export function liveSwitch(sw: Switch): LiveSwitch {
  const { entries, limit } = sw.macs.stats();
  return {
    name: sw.name,
    version: TSVDE_VERSION,
    hub: sw.hub,
    uptimeSeconds: sw.uptimeSeconds,
    macs: [entries, limit],
  };
}

export function livePorts(sw: Switch): LivePort[] {
  return sw.ports.list().map((port) => livePort(sw, port));
}

function livePort(
  sw: Switch,
  { number: port, name, active, untaggedVlan, vlans, endpoints, ...rest }: PortInfo,
): LivePort {
  const untagged = untaggedVlan === NO_VLAN ? undefined : untaggedVlan;
  const isBlocked = untagged !== undefined && sw.spanningTrees.stateOf(untagged, port) === 'discarding';
  return {
    port,
    name,
    state: !active ? 'down' : isBlocked ? 'blocked' : 'up',
    untagged,
    tagged: [...vlans].filter((vlan) => vlan !== untaggedVlan).sort((a, b) => a - b),
    attachment: rest.attachment,
    endpoints: endpoints.map(({ id, kind, description }) => ({
      id,
      kind,
      description: description.slice(0, DESCRIPTION_MAX),
    })),
  };
}

export function liveCounters(sw: Switch): LiveCounters[] {
  return sw.counters().map((row) => ({
    port: row.port,
    rx: flow(row, 'receive'),
    tx: flow(row, 'transmit'),
    pauses: Number(row.receivePauses),
    stalls: Number(row.transmitStalls),
    queue: [Number(row.queueFrames), Number(row.queueLimit)],
  }));
}

function flow(row: PortCounters, direction: 'receive' | 'transmit'): LiveFlow {
  const drops = Object.entries(row[`${direction}Drops`]).filter(([, count]) => count > 0n);
  return {
    bytes: Number(row[`${direction}Bytes`]),
    unicast: Number(row[`${direction}Unicast`]),
    multicast: Number(row[`${direction}Multicast`]),
    broadcast: Number(row[`${direction}Broadcast`]),
    drops: Object.fromEntries(drops.map(([reason, count]) => [reason, Number(count)])),
  };
}
