// The memory of a switch whose frames are captured at full rate for a while. SECONDS is the duration; before a release,
// run it with SECONDS=60.
import { readFileSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient } from '../support/console.ts';
import { BROADCAST, frame } from '../support/network.ts';
import { run, start, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const seconds = Number(process.env.SECONDS ?? 4);
/** By how much the second half may exceed the first. */
const GROWTH_KB = 4096;

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

test('captures of everything, to a file and to a reader that stopped, keep memory flat', async () => {
  const home = temporaryDirectory();
  const mgmt = `${home}/mgmt`;
  const { started, directory } = await startTsvde(['--mgmt', mgmt], { cwd: home });
  const console = await ConsoleClient.connect(mgmt);
  // The file has only the beginnings of the frames, since a disk may be small.
  expect(await console.ask(`capture/add all file=${home}/file snaplen=64`)).toContain('1000 Success');
  const stopped = start(tsvdectl, ['-M', mgmt, 'capture', '-w', `${home}/never-read`]);
  await until(async () => (await console.ask('capture/print')).includes('live-1'), 'the live capture');
  stopped.signal('SIGSTOP');

  const [sender, receiver] = [await Plug.connect(directory), await Plug.connect(directory)];
  for (const plug of [sender, receiver]) atEnd(() => plug.close());
  receiver.on('frame', () => {});
  receiver.send(frame(BROADCAST, B));
  const batch = Array.from({ length: 32 }, (_, i) => frame(B, A, 1514, i));
  const samples: number[] = []; // in kB, ten a second
  const sampling = setInterval(() => {
    samples.push(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${started.pid}/status`, 'utf8'))![1]));
  }, 100);
  atEnd(() => clearInterval(sampling));
  const end = Date.now() + seconds * 1000;
  let sent = 0;
  while (Date.now() < end) {
    sent += sender.sendUnchecked(batch);
    await new Promise(setImmediate);
  }
  const half = samples.length >> 1;
  expect(Math.max(...samples.slice(half)) - Math.max(...samples.slice(0, half))).toBeLessThan(GROWTH_KB);

  const counters = async () =>
    JSON.parse((await run(tsvdectl, ['-M', mgmt, '--json', 'counters'])).stdout).data as Record<string, number>[];
  await until(async () => (await counters())[0]!.receiveUnicast === sent, 'all frames');
  const captures = JSON.parse((await run(tsvdectl, ['-M', mgmt, '--json', 'capture/print'])).stdout).data;
  expect(captures[0]).toMatchObject({ name: 'all', state: 'running' });
  expect(captures[0].frames + captures[0].lost).toBeGreaterThanOrEqual(2 * sent);
  expect(captures[1].lost).toBeGreaterThan(0);
  stopped.signal('SIGKILL');
  rmSync(`${home}/file`);
}, 120_000);
