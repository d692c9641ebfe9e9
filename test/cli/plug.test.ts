// tsvde plug between two switches, joined by dpipe to another tsvde plug or to Debian's vde_plug; and how it ends.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatStreamFrame } from '../../src/protocol/plug-stream.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, padded, Recorder } from '../support/network.ts';
import { compat, run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const NONSENSE = Buffer.from('Permission denied (publickey).\n');

describeWith(['dpipe', 'vde_plug', 'vde_switch'], 'dpipe joins two switches', () => {
  const ours = (directory: string) => [tsvde, 'plug', directory];
  const theirs = (directory: string) => ['vde_plug', directory];

  test.each([
    ['tsvde plug = tsvde plug', ours, ours],
    ['tsvde plug = vde_plug', ours, theirs],
    ['vde_plug = tsvde plug', theirs, ours],
  ])(
    '%s carries frames both ways and ends with a switch',
    async (_, left, right) => {
      const [here, there] = [await network(), `${temporaryDirectory()}/ctl`];
      await startVdeSwitch(there);
      const dpipe = start('dpipe', [...left(here.directory), '=', ...right(there)]);
      const [a, b] = [await here.join(), await Recorder.join(there)];
      const hello = frame(BROADCAST, A, 60, 1);
      await until(() => {
        a.send(hello);
        return b.frames.some((one) => one.equals(hello));
      }, 'a frame that crosses');
      for (const [mark, size] of [14, 60, 61, 1000, 1514].entries()) {
        const away = frame(BROADCAST, A, size, mark + 10);
        a.send(away);
        await b.receives(padded(away));
        const back = frame(A, B, size, mark + 20);
        b.send(back);
        await a.receives(padded(back));
      }
      await here.sw.close(); // ends both plugs and dpipe
      expect((await dpipe.exited).code).toBe(0);
    },
    30_000,
  );
});

describe('tsvde plug', () => {
  test('tsvde plug exits with 0 at end of input and at the end of the switch', async () => {
    const { directory, sw, join } = await network();
    for (const name of [directory, `vde:${directory}`, `vde://${directory}[7]`])
      expect(await run(tsvde, ['plug', name])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const plug = start(tsvde, ['plug', '-D', 'lab', '-mod', '0770', `${directory}[9]`]);
    const { endpoints } = await until(
      () => sw.ports.list().find(({ number, active }) => number === 9 && active),
      'port 9',
    );
    expect(endpoints[0]!.description).toMatch(new RegExp(`^lab user=\\w+ pid=${plug.pid}\\b`));
    const station = await join();
    await until(() => {
      station.send(frame(BROADCAST, A, 60));
      return plug.stdout() !== '';
    }, 'a frame on its stdout');
    await sw.close();
    expect(await plug.exited).toEqual({ code: 0, signal: null });
  });

  test.each([
    [
      'a missing switch',
      ['plug', '/nowhere'],
      1,
      "tsvde plug: cannot join the switch at '/nowhere': No such file or directory\n",
    ],
    ['a second switch', ['plug', 'a', 'b'], 2, "tsvde plug: unexpected argument 'b': name one switch's directory\n"],
    ['an unknown option', ['plug', '--frob'], 2, "tsvde plug: unknown option '--frob'; --help lists the options\n"],
  ])('%s is refused with one sentence', async (_, args, code, stderr) => {
    expect(await run(tsvde, args)).toMatchObject({ code, stderr, stdout: '' });
  });

  test('input that is not a stream of frames ends tsvde plug with 1 and a sentence', async () => {
    const { directory } = await network();
    const plug = start(tsvde, ['plug', directory]);
    plug.stdin.write(NONSENSE);
    expect((await plug.exited).code).toBe(1);
    expect(plug.stderr()).toBe(
      `tsvde plug: the input is not a stream of frames: it has a length of ${NONSENSE.readUInt16BE(0)}, not 14 to 9236\n`,
    );
  });

  test('frames are dropped, not buffered, while stdout is not read, and the end of the switch gives exit code 0', async () => {
    const { directory, sw, join } = await network({ hub: true });
    const fifo = `${temporaryDirectory()}/fifo`;
    execFileSync('mkfifo', [fifo]);
    const fifoEnd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    atEnd(() => closeSync(fifoEnd));
    const plug = start('sh', ['-c', 'exec "$0" plug "$1" >"$2"', tsvde, `${directory}[9]`, fifo]);
    await until(() => sw.ports.get(9)?.active, 'the plug');
    const sender = await join();
    const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${plug.pid}/status`, 'utf8'))![1]);
    const before = memory();
    const dropped = () => sw.counters().find(({ port }) => port === 9)!.transmitDrops.queue_full!;
    await until(
      () => {
        for (let i = 0; i < 64; i++) sender.plug.send(frame(BROADCAST, A, 9000));
        return dropped() > 4000n; // 36 MB, none of it buffered
      },
      'drops that are counted',
      20_000,
    );
    expect(memory() - before).toBeLessThan(24_000); // kB
    await sw.close();
    expect(await plug.exited).toEqual({ code: 0, signal: null });
  }, 30_000);

  test('vde_switch has no sub-command plug', async () => {
    expect(await run(compat('vde_switch'), ['plug', '/nowhere'])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Usage: vde_switch/),
    });
  });
});

describeWith(['vde_switch'], 'a switch that does not read', () => {
  test('a plug at a stopped switch does not read on, and every frame arrives once the switch continues', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const sw = await startVdeSwitch(directory);
    const plug = start(tsvde, ['plug', directory]);
    await until(() => {
      sw.stdin.write('port/print 1\n');
      return sw.stdout().includes('endpoint ID');
    }, 'the plug at its port');
    sw.signal('SIGSTOP');
    const frames = 3000;
    const one = frame(BROADCAST, A, 1514);
    const stream = Buffer.concat(Array.from({ length: frames }, () => formatStreamFrame(one)));
    let taken = false;
    plug.stdin.write(stream, () => {
      taken = true;
    });
    const filled = () => readFileSync(`/proc/${plug.pid}/io`, 'utf8').match(/rchar: (\d+)/)![1];
    await until(async () => {
      const before = filled();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return filled() === before;
    }, 'the plug to read no more');
    expect(taken).toBe(false);
    sw.signal('SIGCONT');
    await until(() => {
      sw.stdin.write('port/print 1\n');
      return sw.stdout().includes(`IN:  pkts ${String(frames).padStart(10)} `);
    }, 'every frame in the counters');
    plug.stdin.end();
    expect((await plug.exited).code).toBe(0);
  }, 30_000);
});
