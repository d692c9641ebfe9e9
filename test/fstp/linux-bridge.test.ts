// Does FSTP talk to the Linux bridge's spanning tree? No. The bridge speaks the older protocol, version 0, and neither
// reads nor forwards version 2; we neither read version 0 nor, as the original, forward it. So two cables between a
// switch with FSTP and a bridge with stp_state 1 are a loop that nobody sees. With its stp_state 0 the bridge is a wire.
import { expect, test } from 'vitest';
import { FstpSwitch } from '../support/fstp-switch.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { Recorder } from '../support/network.ts';
import { tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const OURS = '00:ff:00:00:00:01';

/** A hub of ours whose TAP is in the bridge: its control directory. */
async function hubOn(ns: Namespace, tap: string): Promise<string> {
  const directory = `${temporaryDirectory()}/ctl`;
  const started = ns.start(tsvde, ['-x', '-s', directory, '-t', tap, '--ready-fd', '1']);
  await started.output(/^\n/);
  ns.run('ip', 'link', 'set', tap, 'master', 'br0', 'up');
  return directory;
}

function bridge(ns: Namespace, ...options: string[]): void {
  ns.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '200', ...options);
  ns.run('ip', 'link', 'set', 'br0', 'up');
}

function heard(station: Recorder, version: number): number {
  return station.frames.filter((one) => one.toString('hex', 0, 6) === '0180c2000000' && one[19] === version).length;
}

describeWith(['root', 'tun', 'ip'], 'a Linux bridge', () => {
  test.each([
    ['ours would be root', '61440'],
    ['its own would be root', '0'],
  ])('with a spanning tree of its own, which hears nothing of ours, nor we of it: %s', async (_, priority) => {
    const ns = namespace();
    bridge(ns, 'stp_state', '1', 'priority', priority);
    const directory = await hubOn(ns, 'tap0');
    const station = await Recorder.join(directory);
    const ours = new FstpSwitch(OURS);
    await ours.join(1, directory);
    await until(() => heard(station, 0) >= 3 && heard(station, 2) >= 2, 'BPDUs of both', 15_000);
    expect(ns.run('ip', '-d', 'link', 'show', 'br0')).toContain('root_port 0 ');
    expect(ours.view).toMatchObject({ root: `80:00:${OURS}`, rootPort: undefined });
    expect(ours.ports).toBe('1 designated forwarding');
  });

  test('without one, passes ours on: of two cables into it one carries frames', async () => {
    const ns = namespace();
    bridge(ns, 'stp_state', '0');
    const ours = new FstpSwitch(OURS);
    await ours.join(1, await hubOn(ns, 'tap0'));
    await ours.join(2, await hubOn(ns, 'tap1'));
    await until(
      () => ours.ports === '1 designated forwarding, 2 backup discarding',
      () => ours.ports,
      15_000,
    );
  });
});
