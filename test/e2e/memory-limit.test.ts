// A switch whose unit has MemoryMax=: what one hostile user can make it use, its sockets' buffers in the kernel
// included.
import { chmodSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MemoryLimit } from '../support/memory-limit.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { start, tsvde } from '../support/process.ts';
import { JOIN } from '../support/python.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const MIB = 1 << 20;
const PYTHON = '/usr/bin/python3';
const CROWD = JOIN + readFileSync(new URL('../support/crowd.py', import.meta.url), 'utf8');
const [HOSTILE, OTHER] = [65534, 65533];
/** The figure of SECURITY.md and of the units. */
const LIMIT = 384 * MIB;

async function joinAs(uid: number, directory: string): Promise<Recorder> {
  process.seteuid!(uid);
  try {
    return await Recorder.join(directory);
  } finally {
    process.seteuid!(0);
  }
}

async function serves(directory: string, mark: number): Promise<void> {
  const [a, b] = [await joinAs(OTHER, directory), await joinAs(OTHER, directory)];
  const sent = frame(BROADCAST, '02:00:00:00:00:0a', 1500, mark);
  a.send(sent);
  await b.receives(sent);
  for (const { plug } of [a, b]) plug.close();
}

describeWith(['root', 'setpriv', 'memory-limit', PYTHON], 'a switch whose memory is limited', () => {
  test('lives through what one user can do, serves another user, and gives the memory back', async () => {
    const home = temporaryDirectory();
    const [directory, mgmt] = [`${home}/ctl`, `${home}/mgmt`];
    const group = new MemoryLimit(LIMIT);
    const sockets = ['-s', directory, '-m', '666', '-M', mgmt, '--mgmtmode', '666', '--mgmt-level', 'see'];
    const args = [...sockets, '--metrics', '0', '--web', '0', '-n', '64', '--nostdin', '--ready-fd', '3'];
    const started = start(...group.around(tsvde, args), { tellsReady: true });
    await started.ready;
    chmodSync(home, 0o755);
    const [, metrics] = await started.output(/serving metrics on http:\/\/127.0.0.1:(\d+)/);

    const nobody = [`--reuid=${HOSTILE}`, `--regid=${HOSTILE}`, '--clear-groups'];
    const crowd = start('setpriv', [...nobody, PYTHON, '-c', CROWD, directory, mgmt, metrics!]);
    const does = async (what: string): Promise<number> => {
      const before = crowd.stdout().length;
      crowd.stdin.write(`${what}\n`);
      const reply = () => /-> (.*)\n/.exec(crowd.stdout().slice(before))?.[1];
      const answer = await until(
        () => reply() ?? (crowd.running && started.running ? undefined : 'an end'),
        () => what,
        60_000,
      );
      const used = `${what}: ${(group.usage / MIB).toFixed(0)} MiB, ${group.killed} killed ${crowd.stderr()}`;
      expect({ running: started.running, killed: group.killed }, used).toEqual({ running: true, killed: 0 });
      return Number(answer);
    };
    expect(await does('unfinished(200)')).toBe(128);
    expect(await does('joins(3000)')).toBe(512);
    expect(await does('joins(20000)')).toBe(0);
    await does('flood(5000, 1514)');
    await does('flood(1000, 60000)');
    await serves(directory, 1);
    await does("sessions(10, b'capture/stream\\n')");
    await does("sessions(200, b'port/allprint\\n' * 200)");
    await does('flood(5000, 1514)');
    for (const path of ['/metrics', '/healthz', '/']) expect(await does(`scrapes(64, b'${path}')`)).toBe(64);
    await serves(directory, 2);

    crowd.stdin.end();
    await crowd.exited;
    await serves(directory, 3);
    await until(
      () => group.usage < LIMIT / 2,
      () => `less than ${group.usage / MIB} MiB`,
      20_000,
    );
    expect({ running: started.running, killed: group.killed }).toEqual({ running: true, killed: 0 });
  }, 180_000);
});
