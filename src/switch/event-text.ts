// The events of a switch as lines of text.
import { printable } from '../protocol/printable.ts';
import type { FeedEvent } from './events.ts';

const NO_VLAN = 4095;

/** Returns a line such as `12:30:01.250 port 3 (web): vde joined: a guest`. Text from clients is made printable. */
export function describeEvent(event: FeedEvent): string {
  return `${clock(event.time)} ${printable(eventText(event))}`;
}

/** Returns the same without the time, and with text from clients as it is. */
export function eventText(event: FeedEvent): string {
  const where = 'port' in event ? `port ${event.port}${event.name === undefined ? '' : ` (${event.name})`}` : '';
  switch (event.type) {
    case 'port-created':
      return `${where}: created`;
    case 'port-removed':
      return `${where}: removed`;
    case 'port-inactive':
      return `${where}: down`;
    case 'port-named':
      return event.name === undefined
        ? `port ${event.port}: has no name now`
        : `port ${event.port}: named ${event.name}`;
    case 'port-vlans': {
      const tagged = event.vlans.filter((vlan) => vlan !== event.untaggedVlan);
      const untagged = event.untaggedVlan === NO_VLAN ? 'none' : event.untaggedVlan;
      return `${where}: untagged VLAN ${untagged}, tagged VLANs ${tagged.join(',') || 'none'}`;
    }
    case 'endpoint-added':
      return `${where}: ${event.attachment ?? event.kind} joined: ${event.description}`;
    case 'endpoint-removed':
      return `${where}: ${event.attachment ?? event.kind} left: ${event.description}`;
    case 'endpoint-described':
      return `${where}: ${event.description}`;
    case 'attachment-opened':
      return `${event.attachment}: opened (${event.kind})`;
    case 'attachment-closed':
      return `${event.attachment}: closed (${event.kind})`;
    case 'attachment-reconnecting':
      return `${event.attachment}: connecting again: ${event.reason}`;
    case 'mac-added':
      return `${where}: ${station(event)} learned`;
    case 'mac-moved':
      return `${where}: ${station(event)} moved here from port ${event.from}`;
    case 'mac-removed':
      return `${where}: ${station(event)} ${event.reason === 'aged-out' ? 'aged out' : event.reason}`;
    case 'mac-flapping':
      return `${where}: ${station(event)} flaps between this port, where it stays for ${event.seconds} s, and port ${event.elsewhere}`;
    case 'vlan-created':
      return `VLAN ${event.vlan}: created`;
    case 'vlan-removed':
      return `VLAN ${event.vlan}: removed`;
    case 'spanning-tree':
      return `spanning tree: ${event.category} ${event.text}`;
    case 'drops-started':
      return `${where}: drops ${event.direction} frames (${event.reason}): ${event.frames} in a second`;
    case 'drops-ended':
      return `${where}: drops no more ${event.direction} frames (${event.reason}): ${event.frames} in all`;
    case 'gap':
      return `${event.lost} events are missing`;
  }
}

function station({ mac, vlan }: { mac: string; vlan: number }): string {
  return vlan === 0 ? mac : `${mac} in VLAN ${vlan}`;
}

/** Returns the local time of day with milliseconds. */
function clock(time: number): string {
  const date = new Date(time);
  const two = (number: number) => String(number).padStart(2, '0');
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}
