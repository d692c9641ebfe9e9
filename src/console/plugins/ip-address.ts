// IP addresses as numbers, and ranges of them. IPv6 addresses have bit 128 set, which distinguishes the families and
// sorts IPv4 first. node:net checks and formats addresses as text. Its BlockList is not used, since it cannot remove a
// range.
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { SwitchError } from '../../protocol/errors.ts';
import { parseNumber } from '../parse.ts';

export type IpAddress = bigint;

export interface IpRange {
  first: IpAddress;
  /** How many of the lowest bits are free to differ within the range. */
  free: bigint;
}

const IPV6 = 1n << 128n;

export function ipv4Address(bytes: Buffer): IpAddress {
  return BigInt(bytes.readUInt32BE(0));
}

export function ipv6Address(bytes: Buffer): IpAddress {
  return IPV6 | (bytes.readBigUInt64BE(0) << 64n) | bytes.readBigUInt64BE(8);
}

/** Parses an address. Throws EINVAL for anything else, including leading zeroes in IPv4 and zones in IPv6. */
export function parseAddress(text: string): IpAddress {
  if (isIPv4(text)) return groupsOfDotted(text).reduce(joinGroup, 0n);
  if (isIPv6(text) && !text.includes('%')) return IPV6 | groupsOf(text).reduce(joinGroup, 0n);
  throw new SwitchError('EINVAL', `'${text}' is not an IP address`);
}

/** Parses a range such as `10.0.0.0/8`, or a single address. Throws EINVAL for anything else. */
export function parseRange(text: string): IpRange {
  const [word = '', length, ...rest] = text.split('/');
  const address = parseAddress(word);
  const bits = isV6(address) ? 128 : 32;
  const fixed = length === undefined ? bits : parseNumber(length);
  if (rest.length > 0 || fixed < 0 || fixed > bits)
    throw new SwitchError('EINVAL', `'${text}': the prefix length must be from 0 to ${bits}`);
  const free = BigInt(bits - fixed);
  return { first: (address >> free) << free, free };
}

export function contains({ first, free }: IpRange, address: IpAddress): boolean {
  return address >> free === first >> free;
}

/** Returns the family of an address, `ipv4` or `ipv6`. */
export function familyOf(address: IpAddress): string {
  return isV6(address) ? 'ipv6' : 'ipv4';
}

export function formatAddress(address: IpAddress): string {
  const hex = (address & (IPV6 - 1n)).toString(16);
  if (!isV6(address)) return [...Buffer.from(hex.padStart(8, '0'), 'hex')].join('.');
  const groups = hex.padStart(32, '0').match(/.{4}/g)!;
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address;
}

export function formatRange({ first, free }: IpRange): string {
  return `${formatAddress(first)}/${(isV6(first) ? 128n : 32n) - free}`;
}

function isV6(address: IpAddress): boolean {
  return address >= IPV6;
}

/** Returns the eight 16-bit groups of a valid IPv6 address. */
function groupsOf(text: string): number[] {
  const [head = [], tail = []] = text.split('::').map((part) => part.split(':').flatMap(groupsOfWord));
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function groupsOfWord(word: string): number[] {
  if (word === '') return [];
  return word.includes('.') ? groupsOfDotted(word) : [Number.parseInt(word, 16)];
}

function groupsOfDotted(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

function joinGroup(value: bigint, group: number): bigint {
  return (value << 16n) | BigInt(group);
}
