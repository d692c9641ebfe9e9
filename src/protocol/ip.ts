// Internet addresses as numbers, for arithmetic on networks: IPv4 in 32 bits, IPv6 in 128. iplog needs one order for
// both families and has a representation of its own (console/plugins/ip-address.ts).

/** Parses four dotted parts; returns undefined for anything else. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && +part <= 255)) return undefined;
  return parts.reduce((address, part) => address * 256 + +part, 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Parses an IPv6 address in the notation of RFC 4291, 2.2, without a zone; returns undefined for anything else. */
export function parseIpv6(text: string): bigint | undefined {
  const url = `http://[${text}]/`;
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(url)) return undefined;
  const [head = '', tail] = new URL(url).hostname.slice(1, -1).split('::');
  const words = (part: string) => part.split(':').filter((word) => word !== '');
  const before = words(head);
  const after = words(tail ?? '');
  const zeroes = Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeroes, ...after].reduce((address, word) => (address << 16n) | BigInt(`0x${word}`), 0n);
}

/** Returns the canonical text of an IPv6 address (RFC 5952). */
export function formatIpv6(address: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  return new URL(`http://[${words.join(':')}]/`).hostname.slice(1, -1);
}
