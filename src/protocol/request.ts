// The control socket's messages: a client's request and the switch's reply, in the host's byte order like all of VDE. A
// request is a fixed part followed by a description, which is the rest of the message; a reply is one sockaddr_un.
import { endianness } from 'node:os';

export const ADDRESS_SIZE = 110;
/** The longest path in bytes: the size of sun_path less the terminating NUL. */
export const PATH_MAX = 107;
const MAGIC = 0xfeedface;
const AF_UNIX = 1;
const REQUEST_MAX = 256;
const FIXED = { 1: 124, 3: 122 } as const;
const little = endianness() === 'LE';

export interface JoinRequest {
  version: 1 | 3;
  wanted: { kind: 'any' } | { kind: 'number'; number: number };
  /** The address of the client's data socket, a whole sockaddr_un. */
  address: Buffer;
  description: string;
}

export type ParsedRequest =
  | { outcome: 'complete'; request: JoinRequest }
  /** The message is valid so far, but more bytes are needed. */
  | { outcome: 'incomplete' }
  | { outcome: 'refused'; reason: string };

/** Parses everything that the client has sent so far. Refuses as early as the bytes allow. */
export function parseRequest(message: Buffer): ParsedRequest {
  if (message.length > REQUEST_MAX) return refused(`its request is longer than ${REQUEST_MAX} bytes`);
  if (message.length < 4) return { outcome: 'incomplete' };
  if (readUint32(message, 0) !== MAGIC) return refused('its request does not begin with the VDE magic number');
  if (message.length < 8) return { outcome: 'incomplete' };
  // A version 1 request has no version field: its type, 0 or 1, is where later versions have their version.
  const word = readUint32(message, 4);
  if (word > 1 && word !== 3) return refused(`its request is of version ${word}: versions 1 and 3 are supported`);
  return word === 3 ? parseVersion3(message) : parseVersion1(message, word);
}

function parseVersion1(message: Buffer, type: number): ParsedRequest {
  if (message.length < FIXED[1]) return { outcome: 'incomplete' };
  const wanted = type === 1 ? ({ kind: 'number', number: 0 } as const) : ({ kind: 'any' } as const);
  return complete(1, wanted, message.subarray(14, FIXED[1]), message.subarray(FIXED[1]));
}

function parseVersion3(message: Buffer): ParsedRequest {
  if (message.length < FIXED[3]) return { outcome: 'incomplete' };
  const type = readUint32(message, 8) | 0;
  const kind = type & 0xff;
  if (kind > 1) return refused(`its request is of kind ${kind}: 0 (any or a numbered port) and 1 (port 0) are known`);
  const number = type >> 8;
  // A negative number asks for port 0, as libvdeplug's `[-1]` does.
  const wanted =
    kind === 0 && number === 0
      ? ({ kind: 'any' } as const)
      : { kind: 'number' as const, number: kind === 1 ? 0 : Math.max(number, 0) };
  return complete(3, wanted, message.subarray(12, FIXED[3]), message.subarray(FIXED[3]));
}

function complete(version: 1 | 3, wanted: JoinRequest['wanted'], address: Buffer, rest: Buffer): ParsedRequest {
  const family = readUint16(address, 0);
  if (family !== AF_UNIX && !isUnnamed(address))
    return refused(`the address in its request is of family ${family}, not AF_UNIX`);
  if (address[2] !== 0 && !address.includes(0, 2)) return refused('the path in its request has no terminating NUL');
  const end = rest.indexOf(0);
  const description = rest.subarray(0, end < 0 ? rest.length : end).toString('utf8');
  return { outcome: 'complete', request: { version, wanted, address: Buffer.from(address), description } };
}

/** Returns a request of version 3, which our own clients send. */
export function formatRequest(request: Omit<JoinRequest, 'version'>): Buffer {
  const { wanted, address, description } = request;
  // The type holds 24 bits of port number. Port 0 has a kind of its own, since the number 0 means any port.
  const type = wanted.kind === 'any' ? 0 : wanted.number === 0 ? 1 : wanted.number << 8;
  const head = Buffer.alloc(12);
  writeUint32(head, MAGIC, 0);
  writeUint32(head, 3, 4);
  writeUint32(head, type >>> 0, 8);
  return Buffer.concat([head, address, Buffer.from(description, 'utf8').subarray(0, 127)]);
}

/** Returns a sockaddr_un of full size, padded with NULs. */
export function formatAddress(path: string): Buffer {
  const bytes = Buffer.from(path, 'utf8');
  if (bytes.length > PATH_MAX)
    throw new RangeError(`'${path}' has ${bytes.length} bytes: a socket's path has room for ${PATH_MAX}`);
  const address = Buffer.alloc(ADDRESS_SIZE);
  if (little) address.writeUInt16LE(AF_UNIX, 0);
  else address.writeUInt16BE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}

/** Returns the path in an address, as bytes that need not be UTF-8; undefined for an abstract or unnamed address. */
export function addressPath(address: Buffer): Buffer | undefined {
  if (address[2] === 0) return undefined;
  const end = address.indexOf(0, 2);
  return address.subarray(2, end < 0 ? address.length : end);
}

/** Returns whether the address has no name. A client with such an address can send, but nothing can be sent to it. */
export function isUnnamed(address: Buffer): boolean {
  return address.subarray(2).every((byte) => byte === 0);
}

function refused(reason: string): ParsedRequest {
  return { outcome: 'refused', reason };
}

function readUint16(bytes: Buffer, at: number): number {
  return little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

function readUint32(bytes: Buffer, at: number): number {
  return little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

function writeUint32(bytes: Buffer, value: number, at: number): void {
  if (little) bytes.writeUInt32LE(value, at);
  else bytes.writeUInt32BE(value, at);
}
