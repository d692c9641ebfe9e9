// vde_plug's stream of frames, split at any byte by a pipe; and the carrier, which never buffers without bound.
import { PassThrough, Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { carry } from '../../src/plug/carrier.ts';
import { formatStreamFrame, StreamReader } from '../../src/protocol/plug-stream.ts';
import { randomFrom } from '../conformance.ts';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { until } from '../support/wait.ts';

const MAC = '02:00:00:00:00:01';

test('frames are read whole wherever the stream is split', () => {
  const random = randomFrom(7);
  const frames = Array.from({ length: 300 }, (_, i) => frame(BROADCAST, MAC, 14 + random(i % 9 ? 1500 : 9222), i));
  const stream = Buffer.concat(frames.map(formatStreamFrame));
  const reader = new StreamReader();
  const found: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const size = 1 + random(random(4) ? 4000 : 5);
    found.push(...reader.read(stream.subarray(at, at + size)));
    at += size;
  }
  expect(found.length).toBe(frames.length);
  expect(Buffer.concat(found).equals(Buffer.concat(frames))).toBe(true);
});

test('a length of 0 is skipped, as in vde_plug', () => {
  const one = formatStreamFrame(frame(BROADCAST, MAC));
  expect(new StreamReader().read(Buffer.concat([Buffer.alloc(4), one, Buffer.alloc(2)]))).toEqual([one.subarray(2)]);
});

test.each([1, 13, 9237, 0xffff])('a length of %s ends the stream with a sentence', (length) => {
  const header = Buffer.from([length >> 8, length & 0xff]);
  expect(() => new StreamReader().read(header)).toThrow(
    expect.objectContaining({
      code: 'EPROTO',
      message: expect.stringContaining(`a length of ${length}, not 14 to 9236`),
    }),
  );
});

test('while the output is not read, the switch drops and counts frames; others pass once it is read', async () => {
  const { join, sw, directory } = await network({ hub: true });
  const sender = await join();
  const plug = await Plug.connect(directory, { port: 9 });
  atEnd(() => plug.close());
  const written: Buffer[] = [];
  let read: (() => void) | undefined;
  const output = new Writable({
    write(chunk, _, done) {
      written.push(chunk);
      if (read) return done();
      read = done;
    },
  });
  const input = new Readable({ read() {} });
  const carried = carry(plug, input, output);
  const dropped = () => sw.counters().find(({ port }) => port === 9)!.transmitDrops.queue_full!;
  let mark = 0;
  await until(
    () => {
      sender.plug.send(frame(BROADCAST, MAC, 1514, mark++));
      return dropped() > 0n;
    },
    'a counted drop',
    20_000,
  );
  expect(output.writableLength).toBeLessThan(64 * 1600 * 2);

  read!();
  const last = frame(BROADCAST, MAC, 1514, 999_999);
  await until(() => {
    sender.plug.send(last);
    return written.some((bytes) => bytes.equals(formatStreamFrame(last)));
  }, 'the frame sent once there was room');
  input.push(null);
  expect(await carried).toEqual({ tooLong: 0 });
});

test('a frame longer than the stream allows is dropped and counted', async () => {
  const { join, directory } = await network({ hub: true });
  const sender = await join();
  const plug = await Plug.connect(directory);
  atEnd(() => plug.close());
  const sizes: number[] = [];
  const output = new PassThrough().on('data', ({ length }) => sizes.push(length));
  const input = new Readable({ read() {} });
  const carried = carry(plug, input, output);
  for (const size of [9237, 9236]) sender.send(frame(BROADCAST, MAC, size));
  await until(() => sizes.length > 0, 'the shorter frame');
  input.push(null);
  expect(await carried).toEqual({ tooLong: 1 });
  expect(sizes).toEqual([9238]);
});
