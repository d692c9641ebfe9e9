// FSTP and the spanning tree of the Linux bridge do not interoperate. The bridge uses the older protocol, version 0,
// and neither reads nor forwards version 2; tsvde, like vde_switch, neither reads nor forwards version 0. Two cables
// between a switch with FSTP and a bridge with stp_state 1 are thus an undetected loop. With stp_state 0 the bridge
// acts as a wire.
import { expect, test } from 'vitest';
import { FstpSwitch } from '../support/fstp-switch.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { Recorder } from '../support/network.ts';
import { tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const OURS = '00:ff:00:00:00:01';

/** Starts a tsvde hub whose TAP is in the bridge and returns its control directory. */
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
    ['the bridge has the worse priority', '61440'],
    ['the bridge has the better priority', '0'],
  ])('a bridge with a spanning tree and FSTP ignore each other: %s', async (_, priority) => {
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

  test('a bridge without a spanning tree forwards BPDUs, and one of two cables into it is blocked', async () => {
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
