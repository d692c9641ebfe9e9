// VLANs compared with Debian's vde_switch: with --strict-vlan the same random set-up and the same frames, tagged and
// untagged, give the same frames at the same ports, byte for byte.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { randomFrom, withTag } from '../conformance.ts';
import { ConsoleClient, serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const PORTS = [1, 2, 3, 4, 5];
const VLANS = [1, 7, 300, 4093];
const BATCH = 25;

/** A switch as its console and its plugs see it. */
class Side {
  readonly console: ConsoleClient;
  readonly plugs: Recorder[];
  #received = 0;
  #transmitted = 0;

  private constructor(console: ConsoleClient, plugs: Recorder[]) {
    this.console = console;
    this.plugs = plugs;
  }

  static async join(console: ConsoleClient, directory: string): Promise<Side> {
    const plugs: Recorder[] = [];
    for (const port of PORTS) plugs.push(await Recorder.join(directory, { port }));
    const side = new Side(console, plugs);
    // Addresses never age out and move at once, so that no result depends on the duration of the test.
    await side.tell(['hash/setexpire 1000000', 'hash/setminper -1']);
    return side;
  }

  async tell(commands: readonly string[]): Promise<void> {
    for (const command of commands) await this.console.ask(command);
  }

  /** Sends the frames from one port and returns the frames that each port received, in order. */
  async send(from: number, frames: readonly Buffer[]): Promise<string[]> {
    for (const plug of this.plugs) plug.frames.length = 0;
    for (const one of frames) this.plugs[from]!.send(one);
    this.#received += frames.length;
    const leaving = await until(async () => {
      const [received, transmitted] = await this.#counts();
      if (received < this.#received) return undefined;
      const count = transmitted - this.#transmitted;
      this.#transmitted = transmitted;
      return { count };
    }, 'the switch to have taken every frame');
    const arrived = () => this.plugs.reduce((sum, { frames: got }) => sum + got.length, 0);
    await until(
      () => arrived() === leaving.count,
      () => `${leaving.count} frames, not ${arrived()}`,
    );
    return this.plugs.map(({ frames: got }, i) => `port ${PORTS[i]}: ${got.map(summary).join(' ')}`);
  }

  async #counts(): Promise<[received: number, transmitted: number]> {
    const text = await this.console.ask('port/print');
    const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);
    return [sum(/ IN: +pkts +(\d+)/g), sum(/ OUT: +pkts +(\d+)/g)];
  }
}

function summary(bytes: Buffer): string {
  return `${bytes.length}:${createHash('sha1').update(bytes).digest('hex').slice(0, 12)}`;
}

function randomSetUp(below: (limit: number) => number): string[] {
  const vlan = () => VLANS[below(VLANS.length)]!;
  const commands = Array.from({ length: 14 }, () => {
    const port = PORTS[below(PORTS.length)]!;
    return [
      `vlan/create ${vlan()}`,
      `port/setvlan ${port} ${[0, vlan(), vlan(), 4095][below(4)]}`,
      `vlan/addport ${[0, vlan(), vlan()][below(3)]} ${port}`,
      `vlan/delport ${[0, vlan()][below(2)]} ${port}`,
    ][below(4)]!;
  });
  // After such changes the two switches forget different addresses; hash/setsize makes both forget all addresses.
  return [...commands, 'hash/setsize 128'];
}

function randomFrame(below: (limit: number) => number, mark: number): Buffer {
  const macs = [BROADCAST, '01:00:5e:00:00:01', ...Array.from({ length: 6 }, (_, i) => `02:00:00:00:00:0${i}`)];
  // The shortest frame needs no padding after its tag is removed.
  const bare = frame(macs[below(8)]!, macs[2 + below(6)]!, [64, 100, 1000, 1500][below(4)]!, mark);
  const id = [0, ...VLANS, 9, 4094, 4095][below(8)]!;
  return below(3) === 0 ? bare : withTag(bare, (below(16) << 12) | id);
}

describeWith(['vde_switch', 'root'], 'VLANs compared with vde_switch', () => {
  test.each([1, 2])(
    '2500 frames through random set-ups arrive alike at both switches: seed %i',
    async (seed) => {
      const home = temporaryDirectory();
      await startVdeSwitch(`${home}/vde`, ['-M', `${home}/mgmt`]);
      const console = await until(
        () => ConsoleClient.connect(`${home}/mgmt`).catch(() => undefined),
        "vde_switch's console",
      );
      const theirs = await Side.join(console, `${home}/vde`);
      const net = await network({ strictVlan: true });
      const ours = await Side.join(await (await serveConsole(net)).connect(), net.directory);
      const below = randomFrom(seed);
      const setUp: string[] = [];
      for (let sent = 0; sent < 2500; sent += BATCH) {
        if (sent % 250 === 0) {
          const commands = randomSetUp(below);
          setUp.push(...commands);
          for (const side of [theirs, ours]) await side.tell(commands);
        }
        const from = below(PORTS.length);
        const frames = Array.from({ length: BATCH }, (_, i) => randomFrame(below, sent + i));
        const [expected, got] = [await theirs.send(from, frames), await ours.send(from, frames)];
        expect(got, `from port ${PORTS[from]}, after ${setUp.join('; ')}`).toEqual(expected);
      }
    },
    60_000,
  );
});
