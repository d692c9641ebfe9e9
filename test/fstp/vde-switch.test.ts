// The spanning tree of tsvde compared with Debian's vde_switch -F: the same bytes, one tree, one copy of each frame.
import { expect, test } from 'vitest';
import { decodeBpdu, encodeBpdu } from '../../src/fstp/bpdu.ts';
import { SpanningTree } from '../../src/fstp/machine.ts';
import { ConsoleClient } from '../support/console.ts';
import { VLAN } from '../support/fstp-network.ts';
import { FstpSwitch } from '../support/fstp-switch.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { type Started, start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const mac = (last: number) => `00:ff:00:00:00:0${last}`;
const idOf = (last: number) => `80:00:${mac(last)}`;

interface VdeSwitch {
  directory: string;
  /** The ports and their roles, `1 Root, 2 Alternate/Backup`. */
  ports(): Promise<string>;
  root(): Promise<string>;
  /** The reply to hash/print. */
  addresses(): Promise<string>;
}

async function vdeSwitch(last: number, ...args: string[]): Promise<VdeSwitch> {
  const home = temporaryDirectory();
  const directory = `${home}/ctl`;
  await startVdeSwitch(directory, ['-F', '--macaddr', mac(last), '-M', `${home}/m`, ...args]);
  const client = await ConsoleClient.connect(`${home}/m`);
  const print = () => client.ask('fstp/print');
  return {
    directory,
    ports: async () =>
      [...(await print()).matchAll(/Port 0*(\d+) .*role=(\S+)/g)].map(([, port, role]) => `${port} ${role}`).join(', '),
    root: async () => (await print()).match(/root (\S+)/)![1]!,
    addresses: () => client.ask('hash/print'),
  };
}

/** Joins two switches by Debian's own programs. */
function cable(a: string, b: string): Started {
  return start('dpipe', ['vde_plug', a, '=', 'vde_plug', b]);
}

function isBpdu(bytes: Buffer): boolean {
  return bytes.toString('hex', 0, 6) === '0180c2000000';
}

/** Sends ten broadcasts from one station and expects exactly one copy of each at the other. */
async function expectOneCopyEach(from: Recorder, to: Recorder, marks: number): Promise<void> {
  const sent = Array.from({ length: 10 }, (_, i) => frame(BROADCAST, '02:00:00:00:00:0a', 60, marks + i));
  for (const one of sent) from.send(one);
  for (const one of sent) await to.receives(one);
  const copies = (one: Buffer) => [...to.frames, ...from.frames].filter((heard) => heard.equals(one)).length;
  // A loop copies frames for as long as it exists, so the copies would have arrived by the next hello.
  const hellos = () => to.frames.filter(isBpdu).length;
  const before = hellos();
  await until(() => hellos() > before, 'a hello', 6000);
  expect(sent.map(copies)).toEqual(sent.map(() => 1));
}

describeWith(['vde_switch'], 'the BPDUs of vde_switch', () => {
  test('BPDUs of vde_switch are decoded and encoded byte for byte, and tsvde sends the same ones', async () => {
    const { directory } = await vdeSwitch(5);
    const station = await Recorder.join(directory, { port: 1 });
    const bpdus = () => station.frames.filter(isBpdu);
    await until(() => bpdus().length >= 2, 'a first BPDU and a hello', 8000);
    const [greeting, hello] = bpdus();
    for (const bytes of bpdus()) expect(encodeBpdu(decodeBpdu(bytes)!, { mac: mac(5) })).toEqual(bytes);

    const ours = new SpanningTree({ mac: mac(5) });
    ours.createVlan(VLAN, 0);
    ours.switchOn(0);
    expect(ours.addPort({ vlan: VLAN, port: 1, tagged: false }, 0)).toMatchObject([{ kind: 'send', bytes: greeting }]);
    const ticks = [1, 2, 3, 4].map((second) => ours.tick(second));
    expect(ticks).toMatchObject([[], [], [], [{ kind: 'send', bytes: hello }]]);
  });

  test('tsvde answers a BPDU as vde_switch does, except for the age, which tsvde counts in switches', async () => {
    const { directory } = await vdeSwitch(5);
    const station = await Recorder.join(directory, { port: 1 });
    await until(() => station.frames.length > 0, 'a first BPDU');
    const better = encodeBpdu({ ...decodeBpdu(station.frames[0]!)!, root: idOf(1), bridge: idOf(1) }, { mac: mac(1) });
    station.send(better);
    await until(() => station.frames.length > 1, 'the answer on the root port');

    const ours = new SpanningTree({ mac: mac(5) });
    ours.createVlan(VLAN, 0);
    ours.switchOn(0);
    ours.addPort({ vlan: VLAN, port: 1, tagged: false }, 0);
    const effects = ours.receive({ vlan: VLAN, port: 1, bytes: better }, 0);
    const sent = effects.flatMap((effect) => (effect.kind === 'send' ? [{ ...decodeBpdu(effect.bytes), age: 0 }] : []));
    expect(sent).toEqual([decodeBpdu(station.frames[1]!)]);
  });
});

describeWith(['vde_switch'], 'two cables to vde_switch', () => {
  test.each([
    ['tsvde is root', 1, 2],
    ['vde_switch is root', 2, 1],
  ])(
    'one cable carries frames, and the other when it is pulled: %s',
    async (_, ourLast, theirLast) => {
      const their = await vdeSwitch(theirLast);
      const station = await Recorder.join(their.directory, { port: 9 });
      const ours = new FstpSwitch(mac(ourLast));
      await ours.join(1, their.directory);
      await ours.join(2, their.directory);
      const far = await vdeSwitch(8);
      await ours.join(3, far.directory);
      const farStation = await Recorder.join(far.directory, { port: 9 });
      const tree =
        ourLast === 1
          ? [
              '1 designated forwarding, 2 designated forwarding, 3 designated forwarding',
              /^1 Root, 2 Alternate\/Backup,/,
            ]
          : ['1 root forwarding, 2 alternate discarding, 3 designated forwarding', /^1 \w+, 2 \S+, 9 Designated$/];
      await until(
        () => ours.ports === tree[0],
        () => `the roles at tsvde; now ${ours.ports}`,
        10_000,
      );
      await until(async () => (await their.ports()).match(tree[1]!), 'the roles at vde_switch', 10_000);
      const roots = async () => [ours.view.root, await their.root(), await far.root()];
      await until(async () => (await roots()).every((root) => root === idOf(1)), 'one root', 10_000);
      await expectOneCopyEach(station, farStation, 0);
      ours.leave(1);
      const theirRole = ourLast === 1 ? '2 Root' : '2 Designated';
      await until(async () => (await their.ports()).startsWith(theirRole), 'the other cable at vde_switch', 10_000);
      const ourRole = ourLast === 1 ? '2 designated forwarding' : '2 root forwarding';
      await until(() => ours.ports.startsWith(ourRole), 'the other cable at tsvde', 10_000);
      await expectOneCopyEach(farStation, station, 100);
    },
    60_000,
  );

  test('the topology change of a second cable ends: only hellos are sent, and addresses stay learned', async () => {
    const their = await vdeSwitch(2);
    const { sw, directory } = await network({ fstp: true, priority: 0x1000 });
    const [station, ours] = [await Recorder.join(their.directory, { port: 9 }), await Recorder.join(directory)];
    for (const port of [11, 12]) {
      await sw.attach(`vde,sock=${their.directory},switchport=${port},port=${port}`);
      await until(async () => (await their.ports()).includes(`${port} `), 'the cable at vde_switch');
    }
    await until(async () => /11 Root, 12 Alternate/.test(await their.ports()), 'the roles at vde_switch', 10_000);
    const address = '02:00:00:00:00:0a';
    const learned = async () => [sw.macs.entries().some(({ mac }) => mac === address), await their.addresses()];
    const bpdus = () => {
      const rows = sw.counters().filter(({ port }) => port === 11 || port === 12);
      return rows.reduce((sum, row) => sum + Number(row.receiveMulticast + row.transmitMulticast), 0);
    };
    const hello = async () => {
      const before = ours.frames.filter(isBpdu).length;
      await until(() => ours.frames.filter(isBpdu).length > before, 'a hello of tsvde', 6000);
    };
    const countFromHelloToHello = async () => {
      const before = bpdus();
      await hello();
      return bpdus() - before;
    };
    await hello();
    // vde_switch passes a change on when its own tick comes, which may be after our first hello.
    await until(async () => (await countFromHelloToHello()) < 10, 'the end of the topology change', 20_000);
    station.send(frame(BROADCAST, address));
    expect(await countFromHelloToHello()).toBeLessThan(10);
    expect(await learned()).toEqual([true, expect.stringContaining(address)]);
  }, 45_000);
});

describeWith(['vde_switch', 'dpipe', 'vde_plug'], 'a triangle with two vde_switch', () => {
  test.each([1, 2, 3])(
    'frames arrive once, also after a cut, when tsvde has the bridge id %i',
    async (ourLast) => {
      const [last1, last2] = [1, 2, 3].filter((last) => last !== ourLast) as [number, number];
      const [one, two] = [await vdeSwitch(last1), await vdeSwitch(last2)];
      const between = cable(one.directory, two.directory);
      await until(
        async () => (await one.ports()) !== '' && (await two.ports()) !== '',
        'the cable between both vde_switch',
      );
      const ours = new FstpSwitch(mac(ourLast));
      await ours.join(1, one.directory);
      await ours.join(2, two.directory);
      const stations = [
        await Recorder.join(one.directory, { port: 9 }),
        await Recorder.join(two.directory, { port: 9 }),
      ] as const;
      const roots = async () => [ours.view.root, await one.root(), await two.root()];
      await until(async () => (await roots()).every((root) => root === idOf(1)), 'one root', 10_000);
      const blocked = async () => /Alternate|alternate/.test(`${ours.ports} ${await one.ports()} ${await two.ports()}`);
      await until(blocked, 'a blocked port', 10_000);
      await expectOneCopyEach(stations[0], stations[1], 0);
      await expectOneCopyEach(stations[1], stations[0], 100);
      await between.stop();
      await until(
        async () => !/Alternate|discarding/.test(`${ours.ports} ${await one.ports()} ${await two.ports()}`),
        'every port open after the cut',
        20_000,
      );
      await until(async () => (await roots()).every((root) => root === idOf(1)), 'one root again', 20_000);
      await expectOneCopyEach(stations[0], stations[1], 200);
      await expectOneCopyEach(stations[1], stations[0], 300);
    },
    90_000,
  );
});
