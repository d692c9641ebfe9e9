// The categories of debug lines, as debug/list shows them, and the line that an event makes.
import type { SwitchEvent } from '../switch/events.ts';
import { pad } from './format.ts';
import { printable } from './reply.ts';

export interface Category {
  /** `port/ep/+` */
  name: string;
  /** Of three octal digits; stands behind a 3 before each line. */
  tag: number;
  help: string;
}

/** In the order of debug/list. */
export const CATEGORIES = [
  { name: 'hash/+', tag: 0o11, help: 'an address was learned' },
  { name: 'hash/-', tag: 0o12, help: 'an address was forgotten' },
  { name: 'fstp/status', tag: 0o44, help: 'spanning tree opened or shut a port' },
  { name: 'fstp/root', tag: 0o45, help: 'there is another root, or another way to it' },
  { name: 'fstp/+', tag: 0o41, help: 'a switch was heard on a port' },
  { name: 'fstp/-', tag: 0o42, help: 'it is heard no longer' },
  { name: 'port/+', tag: 0o21, help: 'a port was created' },
  { name: 'port/-', tag: 0o22, help: 'a port lost its last endpoint' },
  { name: 'port/descr', tag: 0o23, help: 'an endpoint said what it is' },
  { name: 'port/ep/+', tag: 0o31, help: 'an endpoint joined' },
  { name: 'port/ep/-', tag: 0o32, help: 'an endpoint left' },
] as const satisfies Category[];

type CategoryName = (typeof CATEGORIES)[number]['name'];

/** The category of an event, and its text. */
export function describeEvent(event: SwitchEvent): [category: CategoryName, text: string] {
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
  }
}

/** `3021 port/+ 03` */
export function eventLine({ name, tag }: Category, text: string): string {
  return `3${tag.toString(8).padStart(3, '0')} ${name} ${text}\n`;
}

function endpointText({ port, endpoint }: { port: number; endpoint: number }): string {
  return `Port ${pad(port, 2)} FD ${String(endpoint).padStart(2)}`;
}

/** The VLAN as two bytes in hex, the low one first: so it is printed here alone, and so programs read it. */
function macText({ mac, vlan, port }: { mac: string; vlan: number; port: number }): string {
  const hex = vlan.toString(16).padStart(4, '0');
  return `${mac} VLAN ${hex.slice(2)}:${hex.slice(0, 2)} Port ${port}`;
}
