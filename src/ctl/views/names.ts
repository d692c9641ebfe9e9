// Texts about ports: their names, states and endpoints.
import type { AttachmentData, PortData, VlanData } from '../console-data.ts';
import { NO_BREAK, type Style } from '../table.ts';

/** The state of a port; `blocked` if it is active, but spanning tree blocks it in its untagged VLAN. */
export type PortState = 'up' | 'down' | 'blocked';

export const STATE_STYLES: Record<PortState, Style> = { up: 'green', down: 'dim', blocked: 'yellow' };

/** Returns the state of each port by its number. */
export function statesOf(ports: readonly PortData[], vlans: readonly VlanData[]): Map<number, PortState> {
  const blocked = new Set(
    vlans.flatMap(({ vlan, ports }) =>
      ports.filter(({ state }) => state === 'discarding').map(({ port }) => `${vlan}/${port}`),
    ),
  );
  const stateOf = ({ port, active, untaggedVlan }: PortData) =>
    !active ? 'down' : blocked.has(`${untaggedVlan}/${port}`) ? 'blocked' : 'up';
  return new Map(ports.map((port) => [port.port, stateOf(port)]));
}

/** Returns the ID of each held port's attachment, by the port's number. */
export function ownersOf(attachments: readonly AttachmentData[]): Map<number, string> {
  return new Map(attachments.flatMap(({ id, ports }) => ports.map((port): [number, string] => [port, id])));
}

/** Returns a list such as `1 qtap, 3 web (down), 7`, in which ports without a state are up, or `-` for no ports. */
export function listPorts(ports: readonly { port: number; name?: string | undefined; state: PortState }[]): string {
  const words = ports.map(({ port, name, state }) => [port, name, state === 'up' ? undefined : `(${state})`]);
  return words.map((one) => one.filter((word) => word !== undefined).join(NO_BREAK)).join(', ') || '-';
}

export function byNumber(ports: readonly PortData[]): Map<number, PortData> {
  return new Map(ports.map((port) => [port.port, port]));
}

/**
 * Describes the newest endpoint of a port, as in `vde tsvdeq user=root pid=7 (+1)`. For a port without endpoints,
 * describes the attachment `owner`. The port's name, which is shown beside it, is left out.
 */
export function describePort({ name, endpoints }: PortData, owner?: string): string {
  const [newest] = endpoints;
  if (!newest) return owner === undefined ? '' : `${owner}, not connected`;
  const words = newest.description.split(' ').filter((word) => name === undefined || word !== `name=${name}`);
  const more = endpoints.length > 1 ? ` (+${endpoints.length - 1})` : '';
  return `${newest.kind} ${words.join(' ')}`.trimEnd() + more;
}

/** Returns the number of an untagged VLAN, or `-` for 4095, which means that there is none. */
export function vlanName(vlan: number): string {
  return vlan === 4095 ? '-' : `${vlan}`;
}
