// Rings of tsvde and Debian's vde_switch, wired by Debian's own tools: one copy of each broadcast arrives, no frame
// circulates, and the loss of a cable opens the other path.
import { describe, expect, test } from 'vitest';
import type { Switch } from '../../src/index.ts';
import { forged } from '../support/fstp-forge.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { type Started, start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

type Kind = 'ours' | 'theirs';

/**
 * The sum of three lost hellos (12 s), up to 1 s until their loss is noticed, and two windows of 16 s, which vde_switch
 * may take.
 */
const HEALED_MS = 45_000;

async function startSwitch(kind: Kind, priority: number, ours: Switch[]): Promise<string> {
  if (kind === 'ours') {
    const { sw, directory } = await network({ fstp: true, priority });
    ours.push(sw);
    return directory;
  }
  const directory = `${temporaryDirectory()}/vde`;
  await startVdeSwitch(directory, ['-F', '--priority', String(priority)]);
  return directory;
}

const FORGER = 9;
const ZERO_ROOT = '00:00:00:00:00:00:00:00';
const LAST_ROOT = 'ff:ff:ff:ff:ff:ff:ff:ff';

class Ring {
  readonly plugs: Recorder[] = [];
  readonly directories: string[] = [];
  readonly ours: Switch[] = [];
  readonly cables: Started[] = [];
  #mark = 0;

  static async of(kinds: readonly Kind[]): Promise<Ring> {
    const ring = new Ring();
    const { directories } = ring;
    for (const [i, kind] of kinds.entries()) directories.push(await startSwitch(kind, 0x8000 + i, ring.ours));
    for (const directory of directories) ring.plugs.push(await Recorder.join(directory));
    const ends =
      directories.length === 2
        ? [
            [0, 1],
            [0, 1],
          ]
        : directories.map((_, i) => [i, (i + 1) % directories.length]);
    for (const [from, to] of ends)
      ring.cables.push(start('dpipe', ['vde_plug', directories[from!]!, '=', 'vde_plug', directories[to!]!]));
    return ring;
  }

  /** Sends a new broadcast; returns a function that counts its copies at each plug except the sender's. */
  #broadcast(from: number): () => number[] {
    const sent = frame(BROADCAST, `02:00:00:00:00:0${from}`, 100, ++this.#mark);
    this.plugs[from]!.send(sent);
    const others = this.plugs.filter((_, i) => i !== from);
    return () => others.map(({ frames }) => frames.filter((got) => got.equals(sent)).length);
  }

  /** Counts the copies of a broadcast at each plug except the sender's after 150 ms, which is long for a frame. */
  async copies(from: number): Promise<number[]> {
    const arrived = this.#broadcast(from);
    await new Promise((resolve) => setTimeout(resolve, 150));
    return arrived();
  }

  /** Expects a broadcast to arrive at every other plug, and no second copy within 150 ms. */
  async expectOneCopy(from: number): Promise<void> {
    const arrived = this.#broadcast(from);
    await until(() => arrived().every((count) => count > 0), 'a copy at every other plug');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(
      arrived().every((count) => count === 1),
      `copies: ${arrived().join(' ')}`,
    ).toBe(true);
  }

  /** The spanning trees of the tsvde switches in VLAN 0. */
  trees() {
    return this.ours.map(({ spanningTrees }) => spanningTrees.view(0)!);
  }

  /** Resolves once every plug reaches every other with exactly one copy. */
  async settles(milliseconds: number): Promise<void> {
    let last: number[] = [];
    await until(
      async () => {
        last = (await Promise.all(this.plugs.map((_, i) => this.copies(i)))).flat();
        return last.every((count) => count === 1);
      },
      () => `one copy of each broadcast, not ${last.join(' ')}`,
      milliseconds,
    );
  }

  /** Returns whether no frame circulates. BPDUs are not counted, since hellos continue. */
  async isQuiet(): Promise<boolean> {
    const heard = () => this.plugs.map(({ frames }) => frames.filter((got) => got[12] === 0x88).length);
    const before = heard();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return heard().every((count, i) => count === before[i]);
  }
}

describeWith(['vde_switch', 'dpipe', 'vde_plug', 'root'], 'spanning tree', () => {
  describe.each<[string, Kind[]]>([
    ['two tsvde switches with two cables', ['ours', 'ours']],
    ['tsvde and vde_switch with two cables', ['ours', 'theirs']],
    ['three tsvde switches', ['ours', 'ours', 'ours']],
    ['two tsvde switches and one vde_switch', ['ours', 'ours', 'theirs']],
    ['one tsvde switch and two vde_switch, one of them the root', ['theirs', 'ours', 'theirs']],
  ])('%s', (_, kinds) => {
    test('each broadcast arrives once without a storm, also after a cable is cut', async () => {
      const ring = await Ring.of(kinds);
      await ring.settles(HEALED_MS);
      expect(await ring.isQuiet()).toBe(true);
      await ring.cables[0]!.stop();
      await ring.settles(HEALED_MS);
      expect(await ring.isQuiet()).toBe(true);
    }, 120_000);
  });

  test.each([
    ['short BPDUs', () => forged({ root: ZERO_ROOT }).subarray(0, 40)],
    ['BPDUs of the older protocol', () => forged({ root: ZERO_ROOT }).fill(0, 19, 21)],
    ['BPDUs beyond the age limit', () => forged({ root: ZERO_ROOT, age: 60 })],
    ['BPDUs worse than its own', () => forged({ root: LAST_ROOT, bridge: LAST_ROOT })],
    ['BPDUs with its own bridge id', (own: string) => forged({ bridge: own, root: own, port: 0x8001 })],
  ] as const)(
    'a switch that gets 10,000 %s at full speed changes only the port that gets them, and every frame arrives once',
    async (_, make) => {
      const ring = await Ring.of(['ours', 'ours']);
      await ring.settles(HEALED_MS);
      const trees = () => ring.trees().map(({ root, ports }) => [root, ...ports.filter(({ port }) => port !== FORGER)]);
      const before = trees();
      const forger = await Recorder.join(ring.directories[0]!, { port: FORGER });
      const bpdu = make(String(before[0]![0]));
      let sent = 0;
      const flood = async () => {
        while (sent < 10_000) {
          for (let i = 0; i < 50; i++) if (forger.plug.send(bpdu)) sent++;
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const flooded = flood();
      while (sent < 10_000) await ring.expectOneCopy(1);
      await flooded;
      expect(trees()).toEqual(before);
      await ring.expectOneCopy(0);
    },
    60_000,
  );

  test('a flood of forged BPDUs is limited and counted, and slows no other port', async () => {
    const net = await network({ fstp: true });
    const [forger, a, b] = [await net.join(), await net.join(), await net.join()];
    const bpdu = Buffer.from(`0180c200000002ff00000001002742420300000202${'7c'.padEnd(62, '0')}00`, 'hex');
    let sent = 0;
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 100; i++) if (forger.plug.send(bpdu)) sent++;
      a.send(frame(BROADCAST, '02:00:00:00:00:0a', 100, round));
      await b.receives(frame(BROADCAST, '02:00:00:00:00:0a', 100, round));
    }
    const row = net.sw.counters().find(({ port }) => port === forgerPort(net.sw.ports.list()))!;
    expect(sent).toBeGreaterThan(1000);
    expect(Number(row.receiveDrops.bpdu_rate)).toBeGreaterThan(sent / 2);
    expect(b.frames.some((got) => got.equals(bpdu))).toBe(false);
    expect(b.frames.filter((got) => got[0] === 0x01).length).toBeLessThan(200);

    function forgerPort(ports: { number: number }[]): number {
      return ports[0]!.number;
    }
  });
});
