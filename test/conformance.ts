// One suite for every switch implementation: which frames leave the switch when certain frames enter it.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { BROADCAST, frame } from './support/network.ts';
import { type Delivery, ReferenceSwitch } from './support/reference-switch.ts';

export interface Subject {
  attach(port: number): Promise<void>;
  detach(port: number): Promise<void>;
  setHub(hub: boolean): void;
  setStrictVlan(strict: boolean): void;
  /**
   * Sets the minimum persistence: 0 s, so that an address may always move, or more seconds than any test takes. No
   * other value is used, since the reference's clock stands still.
   */
  setMinPersistence(seconds: 0 | 1_000_000): void;
  createVlan(vlan: number): void;
  setUntaggedVlan(port: number, vlan: number): void;
  addPort(vlan: number, port: number): void;
  removePort(vlan: number, port: number): void;
  /** Sends a frame into a port and resolves with the frames that leave the switch because of it, sorted by port. */
  send(from: number, frame: Buffer): Promise<Delivery[]>;
}

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const C = '02:00:00:00:00:0c';

export function conformance(make: () => Promise<Subject>): void {
  const ports = async (count: number) => {
    const subject = await make();
    for (let port = 1; port <= count; port++) await subject.attach(port);
    return subject;
  };
  const portsOf = (deliveries: Delivery[]) => deliveries.map(({ port }) => port);

  test('a hub sends every frame to every other port', async () => {
    const subject = await ports(3);
    subject.setHub(true);
    expect(portsOf(await subject.send(1, frame(B, A)))).toEqual([2, 3]);
    expect(portsOf(await subject.send(2, frame(A, B)))).toEqual([1, 3]);
  });

  test('a frame to a learned address reaches only its port', async () => {
    const subject = await ports(3);
    expect(portsOf(await subject.send(1, frame(B, A)))).toEqual([2, 3]);
    expect(portsOf(await subject.send(2, frame(A, B)))).toEqual([1]);
    expect(portsOf(await subject.send(1, frame(B, A)))).toEqual([2]);
    expect(portsOf(await subject.send(3, frame(BROADCAST, A)))).toEqual([1, 2]);
  });

  test('a frame to an address on its own port goes nowhere', async () => {
    const subject = await ports(2);
    await subject.send(1, frame(BROADCAST, A));
    expect(await subject.send(1, frame(A, B))).toEqual([]);
  });

  test('an address that appears on another port moves there at once, and stays after its fourth move', async () => {
    const subject = await ports(3);
    subject.setMinPersistence(1_000_000);
    await subject.send(1, frame(BROADCAST, A));
    for (const [port, home] of [
      [2, 2],
      [1, 1],
      [2, 2],
      [1, 1],
      [2, 1],
      [3, 1],
    ] as const) {
      expect(portsOf(await subject.send(port, frame(BROADCAST, A)))).toEqual([1, 2, 3].filter((one) => one !== port));
      expect(portsOf(await subject.send(3, frame(A, B)))).toEqual([home]);
    }
  });

  test('an address moves without limit while the minimum persistence is zero', async () => {
    const subject = await ports(3);
    subject.setMinPersistence(0);
    await subject.send(1, frame(BROADCAST, A));
    for (let i = 0; i < 10; i++) {
      await subject.send(1 + (i % 2), frame(BROADCAST, A));
      expect(portsOf(await subject.send(3, frame(A, B)))).toEqual([1 + (i % 2)]);
    }
  });

  test('a detached port forgets its own addresses and no others', async () => {
    const subject = await ports(4);
    await subject.send(1, frame(BROADCAST, A));
    await subject.send(2, frame(BROADCAST, B));
    await subject.detach(1);
    expect(portsOf(await subject.send(3, frame(A, C)))).toEqual([2, 4]);
    expect(portsOf(await subject.send(3, frame(B, C)))).toEqual([2]);
  });

  test('reserved multicast is flooded like any other multicast', async () => {
    const subject = await ports(3);
    for (const last of ['00', '01', '02', '03', '0e']) {
      expect(portsOf(await subject.send(1, frame(`01:80:c2:00:00:${last}`, A)))).toEqual([2, 3]);
    }
  });

  test('tagged frames keep their tags, QinQ included', async () => {
    const subject = await ports(2);
    for (const tag of ['8100e00a0800', '88a8000a8100000b0800', '8100a0018100000b0800', '81000fff0800']) {
      const tagged = frame(BROADCAST, A, 100, 9);
      tagged.write(tag, 12, 'hex');
      expect(await subject.send(1, tagged)).toEqual([{ port: 2, frame: tagged }]);
    }
  });

  test('frames reach each member of a VLAN tagged or untagged, and frames from non-members are dropped', async () => {
    const subject = await ports(4);
    for (const vlan of [10, 20]) {
      subject.createVlan(vlan);
      subject.addPort(vlan, 4);
    }
    subject.setUntaggedVlan(3, 10);
    const bare = frame(BROADCAST, A, 100, 9);
    const tagged = (tag: number) => withTag(bare, tag);
    const rows: [from: number, sent: Buffer, ...to: [number, Buffer][]][] = [
      [3, bare, [4, tagged(10)]],
      [4, tagged(0xa00a), [3, bare]],
      [4, tagged(20)],
      [1, tagged(10)],
      [3, tagged(0)],
      [1, tagged(0xe000), [2, bare], [4, bare]],
      [3, tagged(0xe00a), [4, tagged(0xe00a)]],
    ];
    for (const [from, sent, ...to] of rows)
      expect(await subject.send(from, sent)).toEqual(to.map(([port, got]) => ({ port, frame: got })));
    expect(portsOf(await subject.send(1, tagged(30)))).toEqual([2, 4]);
    subject.setStrictVlan(true);
    for (const id of [30, 4094, 4095]) expect(await subject.send(1, tagged(id))).toEqual([]);
  });

  test.each([6, 7, 8, 9])(
    'random VLANs, members and tags give the same frames as the reference: seed %i',
    async (seed) => {
      const below = randomFrom(seed);
      const subject = await make();
      const reference = new ReferenceSwitch();
      const both = (change: (one: Subject | ReferenceSwitch) => void) => [subject, reference].forEach(change);
      const vlans = [0, 1, 7, 4094];
      subject.setMinPersistence(seed < 8 ? 0 : 1_000_000);
      reference.minPersistence = seed < 8 ? 0 : 1_000_000;
      const strict = seed % 2 === 0;
      subject.setStrictVlan(strict);
      reference.strictVlan = strict;
      for (const vlan of vlans.slice(1)) both((one) => one.createVlan(vlan));
      for (let port = 0; port < 6; port++) {
        await subject.attach(port);
        reference.attach(port);
      }
      const untagged = new Map<number, number>();
      for (let step = 0; step < 500; step++) {
        const [port, vlan] = [below(6), vlans[below(4)]!];
        const what = below(12);
        if (what === 0) {
          const chosen = below(5) === 0 ? 4095 : vlan;
          untagged.set(port, chosen);
          both((one) => one.setUntaggedVlan(port, chosen));
        } else if (what === 1) {
          both((one) => one.addPort(vlan, port));
        } else if (what === 2) {
          if (vlan !== (untagged.get(port) ?? 0)) both((one) => one.removePort(vlan, port));
        } else {
          const macs = [BROADCAST, ...Array.from({ length: 6 }, (_, i) => `02:00:00:00:00:0${i}`)];
          const bare = frame(macs[below(7)]!, macs[1 + below(6)]!, [14, 56, 60, 100, 1514][below(5)]!, step);
          const id = [...vlans, 9, 4095][below(6)]!;
          const sent = below(3) === 0 ? bare : withTag(bare, (below(8) << 13) | id);
          const got = await subject.send(port, sent);
          expect(summary(got), `step ${step}: ${sent.toString('hex', 0, 18)} from port ${port}`).toEqual(
            summary(reference.send(port, sent, 0)),
          );
        }
      }
    },
  );

  test.each([1, 2, 3, 4, 5])(
    'random frames, attached and detached ports give the same frames as the reference: seed %i',
    async (seed) => {
      const below = randomFrom(seed);
      const subject = await make();
      const reference = new ReferenceSwitch();
      const attached = new Set<number>();
      subject.setMinPersistence(seed < 3 ? 0 : 1_000_000);
      reference.minPersistence = seed < 3 ? 0 : 1_000_000;
      const macs = Array.from({ length: 12 }, (_, i) =>
        i < 9 ? `02:00:00:00:00:0${i}` : ['00:00:00:00:00:00', '01:00:5e:00:00:01', BROADCAST][i - 9]!,
      );
      for (let step = 0; step < 400; step++) {
        const what = below(30);
        const port = below(7);
        if (what === 0) {
          reference.hub = below(3) === 0;
          subject.setHub(reference.hub);
        } else if (what < 4 || attached.size < 2) {
          if (attached.has(port)) {
            await subject.detach(port);
            reference.detach(port);
            attached.delete(port);
          } else {
            await subject.attach(port);
            reference.attach(port);
            attached.add(port);
          }
        } else {
          const from = [...attached][below(attached.size)]!;
          const size = [13, 14, 20, 59, 60, 61, 1514, 65000][below(8)]!;
          const sent = frame(macs[below(12)]!, macs[below(12)]!, Math.max(size, 14), step).subarray(0, size);
          const expected = reference.send(from, sent, 0);
          const got = await subject.send(from, sent);
          expect(summary(got), `step ${step}: ${size} bytes from port ${from}: ${sent.toString('hex', 0, 14)}`).toEqual(
            summary(expected),
          );
        }
      }
    },
  );
}

export function withTag(bytes: Buffer, tag: number): Buffer {
  const inserted = Buffer.from([0x81, 0x00, tag >> 8, tag & 0xff]);
  return Buffer.concat([bytes.subarray(0, 12), inserted, bytes.subarray(12)]);
}

/** Replaces the bytes by their hash: deliveries are compared thousands of times. */
function summary(deliveries: Delivery[]): string[] {
  return deliveries.map(
    ({ port, frame: bytes }) => `${port}: ${bytes.length} bytes, ${createHash('sha1').update(bytes).digest('hex')}`,
  );
}

/** Returns a generator of random numbers, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
