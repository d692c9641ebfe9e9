// The pcap file format (draft-ietf-opsawg-pcap): a file header, then each frame after a header of its own. It is
// written in little-endian order on every machine; readers accept both orders.

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const ETHERNET = 1;
/**
 * The snapshot length that vde2 writes. As in vde2, the file nevertheless contains whole frames, but tcpdump shows only
 * this many bytes of each.
 */
const SNAPLEN = 96;

export function pcapHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC_MICROSECONDS, 0);
  header.writeUInt16LE(2, 4); // version 2.4
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAPLEN, 16);
  header.writeUInt32LE(ETHERNET, 20);
  return header;
}

export function pcapRecord(frame: Buffer, milliseconds: number): Buffer {
  const record = Buffer.allocUnsafe(16 + frame.length);
  record.writeUInt32LE(Math.floor(milliseconds / 1000), 0);
  record.writeUInt32LE((milliseconds % 1000) * 1000, 4);
  record.writeUInt32LE(frame.length, 8);
  record.writeUInt32LE(frame.length, 12);
  frame.copy(record, 16);
  return record;
}
