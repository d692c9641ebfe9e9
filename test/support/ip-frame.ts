// Frames with an IP header, valid or with one invalid field.
import { BROADCAST, frame } from './network.ts';

export interface IpFrameOptions {
  mac?: string;
  /** The VLAN tag: the VLAN, and the priority in the bits above it. */
  tag?: number;
  /** The IP header's first byte: the version and, in IPv4, the length of the header in 32-bit words. */
  first?: number;
  /** IPv4's total length or IPv6's payload length, in bytes. */
  length?: number;
}

/** A broadcast frame of at least 60 bytes. */
export function ipFrame(source: string, options: IpFrameOptions = {}): Buffer {
  const { mac = '02:00:00:00:00:01', tag } = options;
  const six = source.includes(':');
  const packet = six ? ipv6(source, options) : ipv4(source, options);
  const header = frame(BROADCAST, mac, 14);
  header.writeUInt16BE(six ? 0x86dd : 0x0800, 12);
  if (tag === undefined) return Buffer.concat([header, packet]);
  const tagBytes = Buffer.from([0x81, 0x00, tag >> 8, tag & 0xff]);
  return Buffer.concat([header.subarray(0, 12), tagBytes, header.subarray(12), packet]);
}

function ipv4(source: string, { first = 0x45, length = 46 }: IpFrameOptions): Buffer {
  const packet = Buffer.alloc(46);
  packet[0] = first;
  packet.writeUInt16BE(length, 2);
  packet.set(source.split('.').map(Number), 12);
  return packet;
}

/** `source` is written in full, with eight groups. */
function ipv6(source: string, { first = 0x60, length = 6 }: IpFrameOptions): Buffer {
  const packet = Buffer.alloc(46);
  packet[0] = first;
  packet.writeUInt16BE(length, 4);
  for (const [i, group] of source.split(':').entries()) packet.writeUInt16BE(Number.parseInt(group, 16), 8 + 2 * i);
  return packet;
}
