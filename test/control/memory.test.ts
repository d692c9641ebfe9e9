// A switch that may not take more memory refuses clients, says why, and goes on.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { ConsoleClient } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

const MIB = 1 << 20;

function addressSpace(pid: number): number {
  const [, kib] = /^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kib) * 1024;
}

describeWith(['prlimit'], 'a switch whose memory is limited', () => {
  test('refuses clients with a sentence, and serves those that it has', async () => {
    const cwd = temporaryDirectory();
    const { started, directory } = await startTsvde(['-M', `${cwd}/mgmt`, '-n', '2000'], { cwd });
    const limitTo = (bytes: number | 'unlimited') =>
      run('prlimit', ['--pid', String(started.pid), `--as=${bytes}:unlimited`]);
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    expect((await limitTo(addressSpace(started.pid) + 64 * MIB)).code).toBe(0);

    const joined: Plug[] = [];
    for (let refused = 0; refused < 300; ) {
      const plug = await Plug.connect(directory).catch(() => undefined);
      if (plug) joined.push(plug);
      else refused++;
      expect(joined.length).toBeLessThan(400); // each takes 384 KiB of address space
    }
    expect(joined.length).toBeGreaterThan(20);
    expect(started.stderr()).toMatch(
      /refused a client \(pid \d+, uid \d+\): .*: no memory is left for another endpoint/,
    );
    for (let mark = 0; mark < 100; mark++) {
      const sent = frame(BROADCAST, '02:00:00:00:00:01', 1500, mark);
      a.send(sent);
      await b.receives(sent);
    }
    const console = await ConsoleClient.connect(`${cwd}/mgmt`);
    expect(
      await console.ask('port/attach dgram,id=d,local.type=unix,local.path=d,remote.type=unix,remote.path=r'),
    ).toMatch(/no memory is left for another endpoint|Cannot allocate memory/);

    await limitTo('unlimited');
    expect((await Plug.connect(directory)).open).toBe(true);
    expect(started.running).toBe(true);
  }, 60_000);
});
