// A user who joins as often as possible and never reads: what that costs the switch, and whom it keeps out.
import { chmodSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { start } from '../support/process.ts';
import { JOIN } from '../support/python.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const PYTHON = '/usr/bin/python3';
const JOINS = 20_000;
const MIB = 1 << 20;

/** Joins again and again, keeps every connection that is answered, and reads no frame. */
const CROWD = `${JOIN}
import os, resource, sys
directory, count = sys.argv[1], int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
kept, refused = [], 0
for i in range(count):
    d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = '%s/.%05d-%05d' % (directory, os.getpid(), i)
    try:
        d.bind(path)
        s, reply = ask(directory + '/ctl', path, description=b'crowd')
        if not reply:
            s.close()
            raise OSError
        kept.append((d, s))
    except OSError:
        refused += 1
        d.close()
        try: os.unlink(path)
        except OSError: pass
print('kept', len(kept), 'refused', refused, flush=True)
sys.stdin.read()
for i in range(count):
    try: os.unlink('%s/.%05d-%05d' % (directory, os.getpid(), i))
    except OSError: pass
`;

function resident(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kib) * 1024;
}

describeWith(['root', 'setpriv', PYTHON], 'a user who joins 20,000 times', () => {
  test('costs under 64 MiB, keeps nobody out, and gives back what its queues used', async () => {
    const { started, directory } = await startTsvde(['-m', '666', '-n', '30000', '--user-joins', '100000', '--hub']);
    chmodSync(dirname(directory), 0o755);
    const before = resident(started.pid);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const crowd = start('setpriv', [...nobody, PYTHON, '-c', CROWD, directory, String(JOINS)]);
    const [, kept] = await crowd.output(/^kept (\d+) refused (\d+)$/m, 100_000);
    expect(Number(kept)).toBe(512);
    const joined = resident(started.pid);
    expect((joined - before) / MIB).toBeLessThan(64); // most is garbage of JavaScript

    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    for (let mark = 0; mark < 300; mark++) {
      const sent = frame(BROADCAST, '02:00:00:00:00:01', 1500, mark);
      a.send(sent);
      await b.receives(sent);
    }
    const flooded = resident(started.pid);
    expect((flooded - joined) / MIB).toBeGreaterThan(40); // the crowd's queues have what the budget allows
    expect((flooded - joined) / MIB).toBeLessThan(64 + 8 + 16);
    expect((await Plug.connect(directory)).port).toBeGreaterThan(512);

    crowd.stdin.end();
    await crowd.exited;
    await until(() => resident(started.pid) - joined < 16 * MIB, 'the memory of the queues to be given back');
    expect(started.running).toBe(true);
  }, 180_000);
});
