// The bytes of a pcap file, by the format's own description (draft-ietf-opsawg-pcap, sections 4 and 5).
import { expect, test } from 'vitest';
import { pcapHeader, pcapRecord } from '../../src/console/plugins/pcap.ts';

test('the file header has the magic number, version 2.4, the snapshot length and the link type', () => {
  expect(pcapHeader().toString('hex')).toBe('d4c3b2a10200040000000000000000006000000001000000');
});

test.each([
  [1_700_000_001_234, 1_700_000_001, 234_000],
  [1_700_000_000_001, 1_700_000_000, 1000],
  [1_700_000_000_999, 1_700_000_000, 999_000],
  [1_700_000_000_000, 1_700_000_000, 0],
  [2 ** 32 * 1000 - 1, 2 ** 32 - 1, 999_000],
])(
  'a frame at %d ms has %d seconds, %d microseconds and both of its lengths',
  (milliseconds, seconds, microseconds) => {
    const frame = Buffer.from('0123456789abcdef', 'hex');
    const record = pcapRecord(frame, milliseconds);
    expect([0, 4, 8, 12].map((at) => record.readUInt32LE(at))).toEqual([seconds, microseconds, 8, 8]);
    expect(record.subarray(16)).toEqual(frame);
  },
);
