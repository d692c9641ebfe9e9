// The categories of debug lines, and the debug line for each switch event. Everything but the help texts is
// vde_switch's.
import type { SwitchEvent } from '../switch/events.ts';
import { pad } from './format.ts';
import type { Level } from './level.ts';
import { printable } from './reply.ts';

export interface Category {
  /** A name such as `port/ep/+`. */
  name: string;
  /** The code at the beginning of the category's lines: printed in octal, after a 3. */
  tag: number;
  help: string;
  /** The level that debug/add needs for the category; default `look`. */
  level?: Level;
}

/** The built-in categories, in the order of debug/list. */
export const CATEGORIES = [
  { name: 'hash/+', tag: 0o11, help: 'an address was learned' },
  { name: 'hash/-', tag: 0o12, help: 'an address was forgotten' },
  { name: 'fstp/status', tag: 0o44, help: 'spanning tree changed a port to forwarding or blocked' },
  { name: 'fstp/root', tag: 0o45, help: 'the root switch or the root port changed' },
  { name: 'fstp/+', tag: 0o41, help: 'a neighbouring switch was detected on a port' },
  { name: 'fstp/-', tag: 0o42, help: 'a neighbouring switch was lost on a port' },
  { name: 'port/+', tag: 0o21, help: 'a port was created' },
  { name: 'port/-', tag: 0o22, help: 'a port lost its last endpoint' },
  { name: 'port/descr', tag: 0o23, help: 'an endpoint sent its description' },
  { name: 'port/ep/+', tag: 0o31, help: 'an endpoint was attached to a port' },
  { name: 'port/ep/-', tag: 0o32, help: 'an endpoint was detached from a port' },
] as const satisfies Category[];

type CategoryName = (typeof CATEGORIES)[number]['name'];

/**
 * Returns the category of an event, and the text of the event's debug line; undefined for events for which vde_switch
 * has no debug line.
 */
export function debugTextOf(event: SwitchEvent): [category: CategoryName, text: string] | undefined {
  switch (event.type) {
    case 'port-created':
      return ['port/+', pad(event.port, 2)];
    case 'port-inactive':
      return ['port/-', pad(event.port, 2)];
    case 'endpoint-added':
      return ['port/ep/+', endpointText(event)];
    case 'endpoint-removed':
      return ['port/ep/-', endpointText(event)];
    case 'endpoint-described':
      return ['port/descr', `${endpointText(event)} -> "${printable(event.description)}"`];
    case 'spanning-tree':
      return [event.category, event.text];
    case 'mac-added':
      return ['hash/+', macText(event)];
    case 'mac-removed':
      return ['hash/-', macText(event)];
    default:
      return undefined;
  }
}

/** Returns a debug line, such as `3021 port/+ 03`. */
export function eventLine({ name, tag }: Category, text: string): string {
  return `3${tag.toString(8).padStart(3, '0')} ${name} ${text}\n`;
}

function endpointText({ port, endpoint }: { port: number; endpoint: number }): string {
  return `Port ${pad(port, 2)} FD ${String(endpoint).padStart(2)}`;
}

/**
 * Returns an address, its VLAN and its port. Only in these lines does the low byte of the VLAN's two hex bytes come
 * first: vde_switch prints it first, and programs parse these lines.
 */
function macText({ mac, vlan, port }: { mac: string; vlan: number; port: number }): string {
  const hex = vlan.toString(16).padStart(4, '0');
  return `${mac} VLAN ${hex.slice(2)}:${hex.slice(0, 2)} Port ${port}`;
}
