// Frames from hex text, with correct checksums (RFC 1071), so that a changed frame passes the first checks of its
// receiver.

export function hexFrame(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** Corrects the checksums of IPv4, TCP, UDP, ICMP and ICMPv6 that the frame has room for. */
export function sealed(frame: Buffer): Buffer {
  const sealed = Buffer.from(frame);
  const put = (at: number, parts: readonly Buffer[], more = 0) => {
    if (at + 2 > sealed.length) return;
    sealed.writeUInt16BE(0, at);
    sealed.writeUInt16BE(checksum(parts, more), at);
  };
  const type = sealed.length >= 34 ? sealed.readUInt16BE(12) : 0;
  const rest = sealed.subarray(34);
  if (type === 0x0800) {
    const addresses = sealed.subarray(26, 34);
    const protocol = sealed[23]!;
    put(24, [sealed.subarray(14, 34)]);
    if (protocol === 1) put(36, [rest]);
    if (protocol === 6) put(50, [addresses, rest], rest.length + 6);
    if (protocol === 17) put(40, [addresses, rest], rest.length + 17);
  }
  if (type === 0x86dd && sealed.length >= 58)
    put(56, [sealed.subarray(22, 54), sealed.subarray(54)], sealed.length - 54 + sealed[20]!);
  return sealed;
}

function checksum(parts: readonly Buffer[], more: number): number {
  let sum = more;
  for (const part of parts) for (const [i, byte] of part.entries()) sum += i % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
