// The priority vector that switches compare: the root, the cost to it, the bridge that offers it, and that bridge's
// port. The lower vector is better, and the first difference decides. The order is total, so no two switches can each
// find the other worse.

/**
 * A switch's priority and address, `80:00:00:ff:11:22:33:44`. All IDs have the same length, so that comparing the text
 * compares the numbers.
 */
export type BridgeId = string;

export interface Vector {
  root: BridgeId;
  cost: number;
  bridge: BridgeId;
  port: number;
}

export function compareVectors(a: Vector, b: Vector): number {
  return compareText(a.root, b.root) || a.cost - b.cost || compareText(a.bridge, b.bridge) || a.port - b.port;
}

export function sameSender(a: Vector, b: Vector): boolean {
  return a.bridge === b.bridge && a.port === b.port;
}

export function bridgeId(priority: number, mac: string): BridgeId {
  const hex = (priority & 0xffff).toString(16).padStart(4, '0');
  return `${hex.slice(0, 2)}:${hex.slice(2)}:${mac}`;
}

/**
 * Returns a port's ID as vde_switch computes it: bits 4 to 7 of the number appear twice, and ports above 2047 share
 * their IDs with lower ports.
 */
export function portId(port: number): number {
  return ((0x80 | ((port >> 4) & 0xff)) << 8) | (port & 0xff);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
