// The BPDU, the frame by which switches agree on a spanning tree: RSTP's layout in an LLC frame, but with vde_switch's
// codes for port roles. It has 53 bytes and is not padded. The offsets below are those of an untagged frame; a VLAN tag
// at offset 12 moves the fields after it by four bytes.
import type { BridgeId } from './vector.ts';

const AT = {
  source: 6,
  length: 12,
  llc: 14, // 42 42 03, protocol 00 00
  version: 19,
  type: 20,
  flags: 21,
  root: 22,
  cost: 30,
  bridge: 34,
  port: 42,
  age: 44,
  maxAge: 46,
  hello: 48,
  forwardDelay: 50,
} as const;

const SIZE = 53;
/** The length of the shortest truncated BPDU that vde_switch accepts. */
const SIZE_MIN = 51;
const TAG_SIZE = 4;
const GROUP_ADDRESS = Buffer.from('0180c2000000', 'hex');
const LLC_AND_PROTOCOL = Buffer.from('4242030000', 'hex');
const TAG_TYPE = 0x8100;

/** vde_switch's codes for port roles. In IEEE 802.1D, binary 10 means a root port, and 01 a blocked port. */
const ROLE_BITS = { unknown: 0, root: 0x04, blocked: 0x08, designated: 0x0c } as const;
const FLAG = { topologyChange: 0x01, proposal: 0x02, learning: 0x10, forwarding: 0x20, agreement: 0x40 } as const;

export type BpduRole = keyof typeof ROLE_BITS;

export interface Bpdu {
  topologyChange: boolean;
  /** Whether the sender's port is blocked and waits for an answer. */
  proposal: boolean;
  role: BpduRole;
  forwarding: boolean;
  agreement: boolean;
  root: BridgeId;
  /** The sender's cost to the root. */
  cost: number;
  bridge: BridgeId;
  /** The ID of the sender's port, 16 bits; see portId(). */
  port: number;
  /**
   * From tsvde, the number of links on the sender's path to the root; from vde_switch, the seconds since the sender
   * last received a BPDU.
   */
  age: number;
}

/** Encodes the BPDU of a switch with address `mac`, tagged if `tag` is given. */
export function encodeBpdu(bpdu: Bpdu, sender: { mac: string; tag?: number | undefined }): Buffer {
  const bytes = Buffer.alloc(SIZE);
  GROUP_ADDRESS.copy(bytes);
  idBytes(sender.mac).copy(bytes, AT.source);
  bytes.writeUInt16BE(SIZE - AT.llc, AT.length);
  LLC_AND_PROTOCOL.copy(bytes, AT.llc);
  bytes[AT.version] = 2;
  bytes[AT.type] = 2;
  bytes[AT.flags] = flagsOf(bpdu);
  idBytes(bpdu.root).copy(bytes, AT.root);
  bytes.writeUInt32BE(bpdu.cost, AT.cost);
  idBytes(bpdu.bridge).copy(bytes, AT.bridge);
  bytes.writeUInt16BE(bpdu.port, AT.port);
  // Seconds in little-endian order; in the age, each link counts as a second. For values below 256 these bytes equal
  // the standard's encoding, big-endian units of 1/256 s.
  bytes.writeUInt16LE(Math.min(bpdu.age, 0xffff), AT.age);
  bytes.writeUInt16LE(40, AT.maxAge);
  bytes.writeUInt16LE(4, AT.hello);
  bytes.writeUInt16LE(0, AT.forwardDelay);
  return sender.tag === undefined ? bytes : tagged(bytes, sender.tag);
}

/** Returns the BPDU in a frame; undefined if vde_switch would ignore it, or if the LLC header is not a BPDU's. */
export function decodeBpdu(frame: Buffer): Bpdu | undefined {
  const bytes = untagged(frame);
  if (bytes.length < SIZE_MIN || bytes[AT.version] !== 2 || bytes[AT.type] !== 2) return undefined;
  if (bytes.compare(LLC_AND_PROTOCOL, 0, LLC_AND_PROTOCOL.length, AT.llc, AT.version) !== 0) return undefined;
  const flags = bytes[AT.flags]!;
  return {
    topologyChange: (flags & FLAG.topologyChange) !== 0,
    proposal: (flags & FLAG.proposal) !== 0,
    role: roleOf(flags),
    forwarding: (flags & FLAG.forwarding) !== 0,
    agreement: (flags & FLAG.agreement) !== 0,
    root: idText(bytes, AT.root),
    cost: bytes.readUInt32BE(AT.cost),
    bridge: idText(bytes, AT.bridge),
    port: bytes.readUInt16BE(AT.port),
    age: bytes.readUInt16LE(AT.age),
  };
}

function flagsOf(bpdu: Bpdu): number {
  let flags: number = ROLE_BITS[bpdu.role];
  if (bpdu.topologyChange) flags |= FLAG.topologyChange;
  if (bpdu.proposal) flags |= FLAG.proposal;
  if (bpdu.forwarding) flags |= FLAG.learning | FLAG.forwarding;
  if (bpdu.agreement) flags |= FLAG.agreement;
  return flags;
}

function roleOf(flags: number): BpduRole {
  const bits = flags & ROLE_BITS.designated;
  if (bits === ROLE_BITS.designated) return 'designated';
  if (bits === ROLE_BITS.blocked) return 'blocked';
  return bits === ROLE_BITS.root ? 'root' : 'unknown';
}

function tagged(bytes: Buffer, vlan: number): Buffer {
  const tag = Buffer.alloc(TAG_SIZE);
  tag.writeUInt16BE(TAG_TYPE, 0);
  tag.writeUInt16BE(vlan, 2);
  return Buffer.concat([bytes.subarray(0, AT.length), tag, bytes.subarray(AT.length)]);
}

function untagged(frame: Buffer): Buffer {
  if (frame.length < AT.length + TAG_SIZE || frame.readUInt16BE(AT.length) !== TAG_TYPE) return frame;
  return Buffer.concat([frame.subarray(0, AT.length), frame.subarray(AT.length + TAG_SIZE)]);
}

function idBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function idText(bytes: Buffer, at: number): BridgeId {
  return bytes.toString('hex', at, at + 8).replace(/..\B/g, '$&:');
}
