// Finds the IP source address of a frame. Frames are untrusted: the lengths in their headers are checked against the
// frame's length.
import { type IpAddress, ipv4Address, ipv6Address } from './ip-address.ts';

export interface IpSource {
  address: IpAddress;
  mac: string;
  /** The VLAN in the frame's tag; 0 if the frame is untagged. */
  vlan: number;
}

const TYPE_AT = 12;
const TPID = 0x8100;
const TAG_BYTES = 4;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

/** Returns the source of a frame; undefined if the frame is not IP or its header is invalid. */
export function ipSource(frame: Buffer): IpSource | undefined {
  if (frame.length < TYPE_AT + TAG_BYTES + 2) return undefined;
  const tagged = frame.readUInt16BE(TYPE_AT) === TPID;
  const typeAt = tagged ? TYPE_AT + TAG_BYTES : TYPE_AT;
  const address = sourceOf(frame.readUInt16BE(typeAt), frame.subarray(typeAt + 2));
  if (address === undefined) return undefined;
  const mac = frame.toString('hex', 6, 12).match(/../g)!.join(':');
  return { address, mac, vlan: tagged ? frame.readUInt16BE(TYPE_AT + 2) & 0xfff : 0 };
}

function sourceOf(type: number, packet: Buffer): IpAddress | undefined {
  if (type === IPV4 && isIpv4(packet)) return ipv4Address(packet.subarray(12, 16));
  if (type === IPV6 && isIpv6(packet)) return ipv6Address(packet.subarray(8, 24));
  return undefined;
}

/**
 * Returns whether the header is valid according to RFC 791, 3.1: it has five to fifteen words and lies within the total
 * length, which lies within the frame.
 */
function isIpv4(packet: Buffer): boolean {
  if (packet.length < 20 || packet[0]! >> 4 !== 4) return false;
  const header = (packet[0]! & 0xf) * 4;
  const total = packet.readUInt16BE(2);
  return header >= 20 && header <= total && total <= packet.length;
}

/**
 * Returns whether the header is valid according to RFC 8200, 3: forty bytes, followed by as many as its payload length
 * says.
 */
function isIpv6(packet: Buffer): boolean {
  return packet.length >= 40 && packet[0]! >> 4 === 6 && 40 + packet.readUInt16BE(4) <= packet.length;
}
