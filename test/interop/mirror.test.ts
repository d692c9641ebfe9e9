// Mirrors compared with Open vSwitch's: the same ports, VLANs and frames give the same frames at every port.
import { expect, test } from 'vitest';
import type { MirrorOptions } from '../../src/index.ts';
import { withTag } from '../conformance.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, type Recorder } from '../support/network.ts';
import { OpenVswitch } from '../support/open-vswitch.ts';
import { until } from '../support/wait.ts';

/** Ports 1 and 2 are in VLAN 0, port 3 is untagged in 10, port 4 is a trunk, and port 5 is the target. */
const PORTS = [1, 2, 3, 4, 5];
const TARGET = 5;
const address = (station: number) => `02:00:00:00:00:0${station}`;

const MIRRORS: [Omit<MirrorOptions, 'to'>, string][] = [
  [{ from: [1] }, 'select-src-port=@p1 select-dst-port=@p1'],
  [{ from: [1], direction: 'rx' }, 'select-src-port=@p1'],
  [{ from: [2], direction: 'tx' }, 'select-dst-port=@p2'],
  [{ from: [1, 4] }, 'select-src-port=@p1,@p4 select-dst-port=@p1,@p4'],
  [{ from: [3, 4], direction: 'tx' }, 'select-dst-port=@p3,@p4'],
  [{ vlan: 10 }, 'select-all=true select-vlan=10'],
];

/** Frames between stations 1 to 4 of the ports, to a station that is unknown, and to groups. */
function batches(): [port: number, frames: Buffer[]][] {
  let mark = 0;
  const one = (to: string, station: number) => frame(to, address(station), 64 + (++mark % 50), mark);
  const targets = [BROADCAST, address(1), address(2), address(3), address(4), address(9), '01:00:5e:00:00:01'];
  const untagged = (port: number): [number, Buffer[]] => [port, targets.map((to) => one(to, port))];
  const tagged = (vlan: number): [number, Buffer[]] => [4, targets.map((to) => withTag(one(to, 4), vlan))];
  return [
    untagged(1),
    untagged(2),
    untagged(3),
    untagged(4),
    tagged(10),
    tagged(20),
    untagged(TARGET),
    untagged(1),
    untagged(3),
  ];
}

describeWith(['ovs-vswitchd', 'ovsdb-server', 'ovs-vsctl'], 'a mirror', () => {
  test.each(MIRRORS)(
    '%j copies what Open vSwitch copies',
    async (options, columns) => {
      const ovs = await OpenVswitch.start(PORTS.length);
      ovs.configure(
        'set port p1 tag=0',
        'set port p2 tag=0',
        'set port p3 tag=10',
        'set port p4 trunks=0,10,20',
        ...PORTS.map((port) => `--id=@p${port} get port p${port}`),
        `--id=@m create mirror name=m ${columns} output-port=@p${TARGET}`,
        'set bridge br0 mirrors=@m',
      );
      const { sw, join } = await network();
      for (const vlan of [10, 20]) sw.vlans.create(vlan);
      const plugs: Recorder[] = [];
      for (const port of PORTS) plugs.push(await join({ port }));
      sw.vlans.setUntagged(10, 3);
      for (const vlan of [10, 20]) sw.vlans.addPort(vlan, 4);
      sw.mirrors.add('m', { ...options, to: TARGET });
      const all = batches();
      for (const [port, frames] of all) {
        ovs.receive(port, frames);
        for (const bytes of frames) plugs[port - 1]!.send(bytes);
        const received = () =>
          sw
            .counters()
            .reduce(
              (sum, { receiveUnicast, receiveMulticast, receiveBroadcast }) =>
                sum + receiveUnicast + receiveMulticast + receiveBroadcast,
              0n,
            );
        const before = all.slice(0, all.findIndex((batch) => batch[1] === frames) + 1);
        await until(() => received() === BigInt(before.reduce((sum, [, { length }]) => sum + length, 0)), 'our switch');
        const ours = () => PORTS.map((number) => plugs[number - 1]!.frames.map((bytes) => bytes.toString('hex')));
        const theirs = () => PORTS.map((number) => ovs.sent(number));
        await until(() => JSON.stringify(ours()) === JSON.stringify(theirs()), 'the same frames', 2000).catch(() => {});
        expect(ours()).toEqual(theirs());
      }
      expect(plugs[TARGET - 1]!.frames.length).toBeGreaterThan(5);
      expect(sw.counters().find(({ port }) => port === TARGET)!.receiveDrops.mirror).toBe(7n);
    },
    60_000,
  );
});
