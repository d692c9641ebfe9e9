// The bytes of a BPDU, which are those of vde_switch, and frames that are not BPDUs.
import { describe, expect, test } from 'vitest';
import { type Bpdu, decodeBpdu, encodeBpdu } from '../../src/fstp/bpdu.ts';
import { bridgeId, compareVectors, portId } from '../../src/fstp/vector.ts';

const MAC = '00:ff:11:22:33:44';
const HELLO =
  '0180c200000000ff1122334400274242030000' +
  '02027c800000ff1122334400000000800000ff11223344800100002800040000' +
  '0000';

const hello: Bpdu = {
  topologyChange: false,
  proposal: false,
  role: 'designated',
  forwarding: true,
  agreement: true,
  root: bridgeId(0x8000, MAC),
  cost: 0,
  bridge: bridgeId(0x8000, MAC),
  port: portId(1),
  age: 0,
};

const blocked = { role: 'blocked', proposal: true, forwarding: false } as const;

describe('encoding', () => {
  test('a hello has the bytes that vde_switch sends', () => {
    expect(encodeBpdu(hello, { mac: MAC }).toString('hex')).toBe(HELLO);
  });

  test('a tag moves the bytes after the addresses by four', () => {
    const tagged = encodeBpdu(hello, { mac: MAC, tag: 300 }).toString('hex');
    expect(tagged).toBe(`${HELLO.slice(0, 24)}8100012c${HELLO.slice(24)}`);
    expect(tagged.length).toBe(57 * 2);
  });

  test.each([
    ['7c', {}],
    ['3c', { agreement: false }],
    ['74', { role: 'root' }],
    ['70', { role: 'unknown' }],
    ['4a', blocked],
    ['0a', { ...blocked, agreement: false }],
    ['35', { role: 'root', agreement: false, topologyChange: true }],
  ] as const)('the flags %s are encoded and decoded', (flags, fields) => {
    const bytes = encodeBpdu({ ...hello, ...fields }, { mac: MAC });
    expect(bytes.toString('hex', 21, 22)).toBe(flags);
    expect(decodeBpdu(bytes)).toEqual({ ...hello, ...fields });
  });
});

describe('decoding', () => {
  test('every field is decoded, with and without a tag', () => {
    const odd = { ...hello, cost: 0xfffffffe, port: 0xfedc, age: 0x1234, root: '00:01:02:03:04:05:06:07' };
    expect(decodeBpdu(encodeBpdu(odd, { mac: MAC }))).toEqual(odd);
    expect(decodeBpdu(encodeBpdu(odd, { mac: MAC, tag: 4093 }))).toEqual(odd);
  });

  test.each([
    ['no bytes', ''],
    ['only its addresses', HELLO.slice(0, 24)],
    ['50 bytes', HELLO.slice(0, 100)],
    ['50 bytes and a tag', `${HELLO.slice(0, 24)}8100012c${HELLO.slice(24, 100)}`],
    ['no payload after a tag', `${HELLO.slice(0, 24)}8100012c`],
    ['version 0', HELLO.replace('02027c', '00027c')],
    ['version 3', HELLO.replace('02027c', '03027c')],
    ['type 0 of the older spanning tree', HELLO.replace('02027c', '02007c')],
    ['another LLC header', HELLO.replace('424203', 'aaaa03')],
    ['another protocol id', HELLO.replace('4242030000', '4242030001')],
  ])('a frame with %s is not a BPDU', (_, hex) => {
    expect(decodeBpdu(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  test('51 bytes are enough, more are ignored, and truncated or altered bytes do not throw', () => {
    const bytes = Buffer.from(HELLO, 'hex');
    expect(decodeBpdu(bytes.subarray(0, 51))).toEqual(hello);
    expect(decodeBpdu(Buffer.concat([bytes, Buffer.alloc(2000, 0xff)]))).toEqual(hello);
    for (let length = 0; length <= bytes.length; length++) decodeBpdu(bytes.subarray(0, length));
    for (let at = 0; at < bytes.length; at++) decodeBpdu(Buffer.from(bytes).fill(0xff, at, at + 1));
  });
});

test('the lower vector is better, and its first difference decides', () => {
  expect(bridgeId(0x1000, MAC)).toBe('10:00:00:ff:11:22:33:44');
  expect([1, 15, 16, 255, 256, 2047, 4097].map((port) => portId(port).toString(16))).toEqual([
    '8001',
    '800f',
    '8110',
    '8fff',
    '9000',
    'ffff',
    '8001',
  ]);
  const vector = { root: hello.root, cost: 5, bridge: hello.bridge, port: 7 };
  expect(compareVectors(vector, { ...vector })).toBe(0);
  const better = { root: '00:00:00:00:00:00:00:01', cost: 4, bridge: '7f:ff:ff:ff:ff:ff:ff:ff', port: 6 };
  for (const key of ['root', 'cost', 'bridge', 'port'] as const)
    expect(compareVectors({ ...vector, [key]: better[key] }, vector)).toBeLessThan(0);
  expect(compareVectors({ ...vector, root: better.root, cost: 99 }, vector)).toBeLessThan(0);
});
