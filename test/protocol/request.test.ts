// The control socket's messages byte by byte: every field, and every refusal as early as the bytes allow.
import { describe, expect, test } from 'vitest';
import { formatStreamFrame, StreamReader } from '../../src/protocol/plug-stream.ts';
import {
  ADDRESS_SIZE,
  addressPath,
  formatAddress,
  formatRequest,
  isUnnamed,
  PATH_MAX,
  parseRequest,
} from '../../src/protocol/request.ts';
import { version1, version3, words } from '../support/raw-client.ts';

const PATH = '/run/vde.ctl/.01819-00000';
const address = formatAddress(PATH);
const requestOf = (bytes: Buffer) => {
  const parsed = parseRequest(bytes);
  if (parsed.outcome !== 'complete') throw new Error(JSON.stringify(parsed));
  return parsed.request;
};

describe('an address', () => {
  test('is a whole sockaddr_un', () => {
    const address = formatAddress(PATH);
    expect(address).toHaveLength(ADDRESS_SIZE);
    expect(address.readUInt16LE(0)).toBe(1);
    expect(address.toString('utf8', 2, 2 + PATH.length)).toBe(PATH);
    expect(address.subarray(2 + PATH.length).every((byte) => byte === 0)).toBe(true);
    expect(addressPath(address)?.toString()).toBe(PATH);
  });

  test('has room for 107 bytes', () => {
    const longest = 'x'.repeat(PATH_MAX);
    expect(addressPath(formatAddress(longest))?.toString()).toBe(longest);
    expect(addressPath(Buffer.concat([Buffer.of(1, 0), Buffer.alloc(108, 'y')]))?.toString()).toBe('y'.repeat(108));
    const long = `${'x'.repeat(106)}é`;
    expect(() => formatAddress(long)).toThrow(
      new RangeError(`'${long}' has 108 bytes: a socket's path has room for 107`),
    );
  });

  test('may be abstract or unnamed', () => {
    const abstract = Buffer.concat([Buffer.of(1, 0, 0, 0x61), Buffer.alloc(106)]);
    expect(addressPath(abstract)).toBeUndefined();
    expect(isUnnamed(abstract)).toBe(false);
    expect(isUnnamed(formatAddress(''))).toBe(true);
    expect(isUnnamed(address)).toBe(false);
    expect(isUnnamed(Buffer.alloc(ADDRESS_SIZE))).toBe(true);
    expect(isUnnamed(Buffer.concat([Buffer.alloc(109), Buffer.of(1)]))).toBe(false);
  });
});

describe('a request', () => {
  test.each([
    ['any port', 0, { kind: 'any' }],
    ['port 0', 1, { kind: 'number', number: 0 }],
    ['port 7', 7 << 8, { kind: 'number', number: 7 }],
    ['port 7 of kind 1, which is port 0', (7 << 8) | 1, { kind: 'number', number: 0 }],
    ['port 65535', 65535 << 8, { kind: 'number', number: 65535 }],
    ['a negative port, which is port 0', -256, { kind: 'number', number: 0 }],
  ])('of version 3 for %s', (_, type, wanted) => {
    expect(requestOf(version3(address, type, 'a description'))).toEqual({
      version: 3,
      wanted,
      address,
      description: 'a description',
    });
  });

  test.each([
    ['any port', 0, { kind: 'any' }],
    ['port 0', 1, { kind: 'number', number: 0 }],
  ])('of version 1 for %s', (_, type, wanted) => {
    expect(requestOf(version1(address, type, 'é'))).toEqual({ version: 1, wanted, address, description: 'é' });
  });

  test('has a description that ends at its NUL, or may be empty', () => {
    expect(requestOf(version3(address, 0, 'one\0two')).description).toBe('one');
    expect(requestOf(version3(address, 0, '\0two')).description).toBe('');
    expect(requestOf(version3(address)).description).toBe('');
    expect(requestOf(version1(address)).description).toBe('');
  });

  test('is incomplete until its fixed part is there', () => {
    for (const [whole, fixed] of [
      [version3(address), 122],
      [version1(address), 124],
    ] as const) {
      expect(whole).toHaveLength(fixed);
      for (let length = 0; length < fixed; length++)
        expect(parseRequest(whole.subarray(0, length)), `${length} bytes`).toEqual({ outcome: 'incomplete' });
    }
  });

  test('keeps a copy of the address', () => {
    const bytes = version3(address);
    const request = requestOf(bytes);
    bytes.fill(0);
    expect(request.address).toEqual(address);
  });

  const tcp = Buffer.concat([Buffer.of(2, 0), address.subarray(2)]);
  const endless = Buffer.concat([Buffer.of(1, 0), Buffer.alloc(108, 'x')]);
  test.each([
    ['no magic number', words(0xfeedfacf), 'its request does not begin with the VDE magic number'],
    ['version 2', words(0xfeedface, 2), 'its request is of version 2: versions 1 and 3 are supported'],
    ['version 4', words(0xfeedface, 4), 'its request is of version 4: versions 1 and 3 are supported'],
    ['257 bytes', Buffer.concat([version3(address), Buffer.alloc(135, 'x')]), 'its request is longer than 256 bytes'],
    [
      'an unknown kind',
      version3(address, 2),
      'its request is of kind 2: 0 (any or a numbered port) and 1 (port 0) are known',
    ],
    ['another family', version3(tcp), 'the address in its request is of family 2, not AF_UNIX'],
    ['a path without its end', version3(endless), 'the path in its request has no terminating NUL'],
    ['a path without its end, version 1', version1(endless), 'the path in its request has no terminating NUL'],
  ])('with %s is refused', (_, bytes, reason) => {
    expect(parseRequest(bytes)).toEqual({ outcome: 'refused', reason });
  });

  test.each([
    ['256 bytes', Buffer.concat([version3(address), Buffer.alloc(134, 'x')])],
    ['an unnamed address of no family', version3(Buffer.alloc(ADDRESS_SIZE))],
    ['an abstract address that fills it', version3(Buffer.concat([Buffer.of(1, 0, 0), Buffer.alloc(107, 'x')]))],
  ])('with %s is complete', (_, bytes) => {
    expect(parseRequest(bytes).outcome).toBe('complete');
  });
});

describe('our own request', () => {
  test.each([
    [{ kind: 'any' }, 0],
    [{ kind: 'number', number: 0 }, 1],
    [{ kind: 'number', number: 7 }, 7 << 8],
    [{ kind: 'number', number: 0xffffff }, 0xffffff00],
  ] as const)('for %j', (wanted, type) => {
    const bytes = formatRequest({ wanted, address, description: 'text' });
    expect(bytes).toEqual(version3(address, type, 'text'));
  });

  test('has at most 127 bytes of description', () => {
    const bytes = formatRequest({ wanted: { kind: 'any' }, address, description: 'x'.repeat(200) });
    expect(bytes).toEqual(version3(address, 0, 'x'.repeat(127)));
  });
});

describe('a stream of frames', () => {
  const ofLength = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i & 0xff));

  test.each([14, 60, 9236])('carries a frame of %d bytes after its length', (length) => {
    const bytes = formatStreamFrame(ofLength(length));
    expect([bytes.readUInt16BE(0), bytes.length]).toEqual([length, 2 + length]);
    expect(new StreamReader().read(bytes)).toEqual([ofLength(length)]);
  });

  test('may be split anywhere, and keeps nothing of the chunks', () => {
    const bytes = Buffer.concat([ofLength(14), Buffer.alloc(0), ofLength(20)].map(formatStreamFrame));
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new StreamReader();
      const first = Buffer.from(bytes.subarray(0, at));
      const frames = reader.read(first).map((frame) => Buffer.from(frame));
      first.fill(0xff);
      expect([...frames, ...reader.read(bytes.subarray(at))], `split at ${at}`).toEqual([ofLength(14), ofLength(20)]);
    }
  });

  test.each([1, 13, 9237, 0xffff])('ends at a length of %d', (length) => {
    expect(() => new StreamReader().read(Buffer.of(length >> 8, length & 0xff))).toThrow(
      expect.objectContaining({
        code: 'EPROTO',
        message: `the input is not a stream of frames: it has a length of ${length}, not 14 to 9236`,
      }),
    );
  });
});
