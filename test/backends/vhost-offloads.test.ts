// Offloads between vhost-user guests and other ports. Each segment is checked against the datagram that it came from.
import { beforeAll, expect, test } from 'vitest';
import { randomFrom } from '../conformance.ts';
import { type DatagramOptions, datagram, onesSum, randomDatagram } from '../support/datagram.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { FEATURES, type HeadedFrame, VhostGuest } from '../support/vhost-guest.ts';
import { until } from '../support/wait.ts';

const CHECKSUM_LEFT = 1; // VIRTIO_NET_HDR_F_NEEDS_CSUM
const GSO = { none: 0, tcp4: 1, tcp6: 4, udp: 5 };

/** A datagram's virtio-net header, of 12 bytes, and its frame. */
function split(options: DatagramOptions): HeadedFrame {
  const whole = datagram(options);
  return { header: Buffer.concat([whole.subarray(0, 10), Buffer.alloc(2)]), frame: whole.subarray(10) };
}

/**
 * Returns the fields of a header that ask something of the receiver. The length of the headers is only a hint, and only
 * for segmentation.
 */
function asked({ header }: HeadedFrame): Buffer {
  return Buffer.concat([header.subarray(0, 2), header.subarray(4, 10)]);
}

/** Completes the checksum that a header leaves to the receiver. */
function completed({ header, frame: bytes }: HeadedFrame): Buffer {
  if (header[0] !== CHECKSUM_LEFT) return bytes;
  const [start, offset] = [header.readUInt16LE(6), header.readUInt16LE(8)];
  const done = Buffer.from(bytes);
  done.writeUInt16BE(~onesSum(bytes.subarray(start)) & 0xffff || 0xffff, start + offset);
  return done;
}

/** Expects whole and correct frames that together carry the datagram. */
function expectSegments(
  { six, udp, tags = [], sequence = 0, segment = 0, payload }: DatagramOptions,
  frames: Buffer[],
) {
  const ip = 14 + 4 * tags.length;
  const carried = frames.map((bytes, i) => {
    const transport = ip + (six ? 40 : 4 * (bytes[ip]! & 15));
    const end = six ? transport + bytes.readUInt16BE(ip + 4) : ip + bytes.readUInt16BE(ip + 2);
    if (!six) expect(onesSum(bytes.subarray(ip, transport)), 'the checksum of IPv4').toBe(0xffff);
    const pseudo = Buffer.from([0, udp ? 17 : 6, (end - transport) >> 8, (end - transport) & 0xff]);
    const addresses = bytes.subarray(six ? ip + 8 : ip + 12, six ? ip + 40 : ip + 20);
    expect(onesSum(Buffer.concat([addresses, pseudo, bytes.subarray(transport, end)])), 'the checksum').toBe(0xffff);
    if (udp) return bytes.subarray(transport + 8, end);
    expect(bytes.readUInt32BE(transport + 4)).toBe((sequence + i * segment) % 2 ** 32);
    return bytes.subarray(transport + 4 * (bytes[transport + 12]! >> 4), end);
  });
  expect(carried.map(({ length }) => length).every((length) => length <= segment)).toBe(true);
  expect(frames).toHaveLength(Math.ceil(payload.length / segment));
  expect(Buffer.concat(carried).equals(payload)).toBe(true);
}

describeWith(['g++'], 'offloads of vhost-user guests', () => {
  let program: string;
  beforeAll(() => {
    program = VhostGuest.compile();
  });

  async function guestOf({ sw }: Network, features: bigint): Promise<VhostGuest> {
    const path = `${temporaryDirectory()}/guest`;
    await sw.attach(`vhost-user,server=on,path=${path}`);
    return VhostGuest.connect(program, path, features);
  }

  test('a datagram reaches guests with offloads whole, and all others in segments', async () => {
    const net = await network();
    const sender = await guestOf(net, FEATURES.all);
    const whole = await guestOf(net, FEATURES.all);
    const withoutTso = await guestOf(net, FEATURES.sendsOnly);
    const oldest = await guestOf(net, FEATURES.oldest);
    const client = await net.join();
    const random = randomFrom(1);
    for (let round = 0; round < 60; round++) {
      const options = randomDatagram(random);
      const sent = split(options);
      const mark = frame(BROADCAST, '02:00:00:00:00:77', 60, round);
      sender.send(sent.frame, sent.header);
      sender.send(mark);
      const guests = [whole, withoutTso, oldest];
      await until(() => guests.every(({ received }) => received.at(-1)?.frame.equals(mark)), 'the guests');
      await client.receives(mark);
      const [got, cut, plain] = guests.map(({ received }) => received.splice(0).slice(0, -1));

      expect(got).toHaveLength(1);
      expect(asked(got![0]!)).toEqual(asked(sent));
      expect(got![0]!.frame.equals(sent.frame) || got![0]!.frame.length === 60).toBe(true);
      expect(cut!.every(({ header }) => header[1] === GSO.none)).toBe(true);
      expect(plain!.every(({ header }) => header.subarray(0, 10).every((byte) => byte === 0))).toBe(true);
      expectSegments(options, cut!.map(completed));
      expectSegments(options, plain!.map(completed));
      expect(client.frames.slice(0, -1)).toEqual(plain!.map(completed));
      client.frames.length = 0;
    }
  }, 60_000);

  test('with offload=off a guest is offered the same features, and receives complete segments', async () => {
    const net = await network();
    const sender = await guestOf(net, FEATURES.all);
    const path = `${temporaryDirectory()}/guest`;
    await net.sw.attach(`vhost-user,server=on,path=${path},offload=off`);
    const guest = await VhostGuest.connect(program, path, FEATURES.all);
    expect(guest.features).toBe(sender.features);
    const options = { payload: Buffer.alloc(20_000, 5), segment: 1400 };
    const sent = split(options);
    sender.send(sent.frame, sent.header);
    await until(() => guest.received.length === 15, '15 segments');
    expect(guest.received.every(({ header }) => header.subarray(0, 10).every((byte) => byte === 0))).toBe(true);
    expectSegments(
      options,
      guest.received.map(({ frame: bytes }) => bytes),
    );
  });

  test.each([
    ['TCP over IPv4', {}, GSO.tcp4],
    ['TCP over IPv6', { six: true }, GSO.tcp6],
  ])('%s segments of a VDE client are coalesced for a guest, and not for one without TSO', async (_, more, kind) => {
    const net = await network();
    const [guest, withoutTso] = [await guestOf(net, FEATURES.all), await guestOf(net, FEATURES.sendsOnly)];
    const client = await net.join();
    const segment = 1448;
    const count = 20;
    let coalesced = 0;
    for (let round = 0; round < 20; round++) {
      const payload = Buffer.alloc(segment * count, round);
      const segments = Array.from({ length: count }, (_, i) => {
        const part = payload.subarray(i * segment, (i + 1) * segment);
        return completed(split({ ...more, payload: part, id: i, sequence: i * segment, flags: 0x10 }));
      });
      expect(client.plug.sendUnchecked(segments)).toBe(count);
      const bytes = (frames: HeadedFrame[]) =>
        frames.reduce((sum, { frame: one }) => sum + one.length - (kind === GSO.tcp6 ? 74 : 54), 0);
      for (const { received } of [guest, withoutTso])
        await until(() => bytes(received) >= payload.length, `${payload.length} bytes, not ${bytes(received)}`);
      const got = guest.received.splice(0);
      let sequence = 0;
      for (const one of got) {
        const [, type, size] = [one.header[0], one.header[1], one.header.readUInt16LE(4)];
        const length = one.frame.length - (kind === GSO.tcp6 ? 74 : 54);
        if (length > segment) {
          coalesced++;
          expect({ type, size }).toEqual({ type: kind, size: segment });
        }
        expectSegments({ ...more, payload: payload.subarray(0, length), sequence, segment: length }, [completed(one)]);
        sequence += length;
      }
      expect(sequence).toBe(payload.length);
      expect(withoutTso.received.splice(0).map(completed)).toEqual(segments);
    }
    expect(coalesced).toBeGreaterThan(0);
  });
});
