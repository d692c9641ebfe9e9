// Tests the counter of a pcapng stream, with the stream cut into pieces of different sizes.
import { expect, test } from 'vitest';
import { PcapngCounter } from '../../src/ctl/pcapng-counter.ts';

function block(type: number, body: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(12 + body.length);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(type);
  return Buffer.concat([head, size, body, size]);
}

function statistics(lost: bigint): Buffer {
  const body = Buffer.alloc(12 + 12 + 12 + 4);
  body.writeUInt16LE(4, 12);
  body.writeUInt16LE(8, 14);
  body.writeBigUInt64LE(1000n, 16);
  body.writeUInt16LE(5, 24);
  body.writeUInt16LE(8, 26);
  body.writeBigUInt64LE(lost, 28);
  return block(5, body);
}

const STREAM = Buffer.concat([
  block(0x0a0d0d0a, Buffer.alloc(16)),
  block(1, Buffer.alloc(8)),
  ...[60, 0, 1500, 9000].map((size) => block(6, Buffer.alloc(20 + size, 6))),
  statistics(3n),
  statistics(4n),
]);

test.each([1, 2, 3, 7, 8, 9, 100, 4096, STREAM.length])('a stream in pieces of %d bytes is counted', (size) => {
  const counter = new PcapngCounter();
  for (let at = 0; at < STREAM.length; at += size) counter.read(STREAM.subarray(at, at + size));
  expect(counter).toMatchObject({ frames: 4, lost: 7 });
});

test.each([0, 4, 8])('a block whose length is given as %d bytes is skipped without an endless loop', (size) => {
  const counter = new PcapngCounter();
  const wrong = Buffer.alloc(64);
  wrong.writeUInt32LE(size, 4);
  counter.read(wrong);
  expect(counter.frames).toBe(0);
});
