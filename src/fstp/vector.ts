// What switches compare to agree on one tree: who is root, what the way there costs, who offers it, at which of its ports.
// Less is better, the first difference decides; since the order is total, no two switches can each find the other worse.

/** Priority and address, `80:00:00:ff:11:22:33:44`: as text of one size it compares as the number does. */
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

/** As the original makes it: bits 4 to 7 come twice, and ports beyond 2047 share theirs with others. */
export function portId(port: number): number {
  return ((0x80 | ((port >> 4) & 0xff)) << 8) | (port & 0xff);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
