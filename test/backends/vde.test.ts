// Uplinks, which connect a tsvde to another tsvde or to Debian's vde_switch without dpipe, and which reconnect after a
// restart of the other switch.
import { readdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Switch } from '../../src/index.ts';
import { BackOff } from '../../src/system/back-off.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network, padded, Recorder } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

const isUp = ({ sw }: Network) => sw.attachments()[0]!.stats.connections === 1;

/** Exchanges frames of several sizes in both directions; the first frame is sent until it arrives. */
async function reachEachOther(a: Recorder, b: Recorder, mark: number): Promise<void> {
  const hello = frame(BROADCAST, A, 60, mark);
  await until(() => {
    a.send(hello);
    return b.frames.some((one) => one.equals(hello));
  }, 'a frame that crosses');
  for (const size of [14, 60, 1514]) {
    const back = frame(A, B, size, mark + size);
    b.send(back);
    await a.receives(padded(back));
    const there = frame(B, A, size, mark + size);
    a.send(there);
    await b.receives(padded(there));
  }
}

describe('a chain of tsvde switches', () => {
  test('three switches carry frames end to end, and a detached uplink gives its ports back', async () => {
    const [left, middle, right] = [await network(), await network(), await network()];
    await left.sw.attach(`vde,sock=${middle.directory},id=up,switchport=5`);
    await right.sw.attach(`vde,sock=${middle.directory},port=7`);
    await until(() => isUp(left) && isUp(right), 'both uplinks');
    expect(middle.sw.ports.get(7)).toMatchObject({
      active: true,
      endpoints: [{ description: expect.stringMatching(/^tsvde user=/) }],
    });
    expect(left.sw.ports.get(5)).toMatchObject({ attachment: 'up', endpoints: [{ kind: 'vde', attachment: 'up' }] });
    await reachEachOther(await left.join(), await right.join(), 1);
    await left.sw.detach('up');
    expect(left.sw.ports.get(5)).toMatchObject({ active: false, attachment: undefined });
    await until(() => middle.sw.ports.list().filter(({ active }) => active).length === 1, 'the end of the uplink');
    expect(readdirSync(middle.directory).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('-F prevents a loop over two uplinks, and the second uplink carries frames when the first is lost', async () => {
    const [here, there] = [await network({ fstp: true }), await network({ fstp: true })];
    await here.sw.attach(`vde,sock=${there.directory},id=one,switchport=11,port=11`);
    await here.sw.attach(`vde,sock=${there.directory},id=two,switchport=12,port=12`);
    const [a, b] = [await here.join(), await there.join()];
    const crossed = async (mark: number) => {
      const hello = frame(BROADCAST, A, 60, mark);
      await until(
        () => {
          a.send(hello);
          return b.frames.some((one) => one.equals(hello));
        },
        'a frame that crosses',
        20_000,
      );
    };
    await crossed(1);
    // After convergence a broadcast arrives once and does not loop.
    const counted = () => there.sw.counters().reduce((sum, { receiveBroadcast }) => sum + receiveBroadcast, 0n);
    a.frames.length = 0;
    b.frames.length = 0;
    const once = frame(BROADCAST, A, 60, 2);
    a.send(once);
    await b.receives(once);
    const last = frame(A, B, 60, 3);
    b.send(last);
    await a.receives(last);
    expect(b.frames.filter((one) => one.equals(once)).length).toBe(1);
    expect(a.frames.filter((one) => one.equals(once)).length).toBe(0);
    const before = counted();
    a.send(frame(BROADCAST, A, 60, 4));
    await b.receives(frame(BROADCAST, A, 60, 4));
    expect(counted() - before).toBeLessThan(4n);

    await here.sw.detach('one');
    await crossed(5);
  }, 60_000);
});

describe('a switch that cannot be joined', () => {
  test('a missing switch is retried until it appears, with one log line', async () => {
    const here = await network();
    const directory = `${temporaryDirectory()}/ctl`;
    await here.sw.attach(`vde,sock=${directory},reconnect-ms=10`);
    expect(here.sw.attachments()[0]).toMatchObject({ ports: [1], stats: { connections: 0, reconnects: 0 } });
    const there = new Switch();
    atEnd(() => there.close());
    await there.listen({ directory });
    await until(() => isUp(here), 'the uplink');
    const said = here.log.filter((line) => line.includes('cannot join'));
    expect(said).toEqual([`vde0: cannot join the switch at '${directory}': No such file or directory; trying again`]);
  });

  test('a join refused for a port in use is retried', async () => {
    const [here, there] = [await network(), await network()];
    await there.sw.attach(`vde,sock=${here.directory},switchport=3,reconnect-ms=10`);
    await here.sw.attach(`vde,sock=${there.directory},port=3,reconnect-ms=10`);
    await until(() => here.log.some((line) => /it refused: the port is taken/.test(line)), 'the refusal');
    await there.sw.detach(3);
    await until(() => there.sw.ports.get(3)?.active, 'the uplink');
  });

  test('detaching and closing end a join that waits for an answer', async () => {
    const directory = temporaryDirectory();
    const streams: Socket[] = [];
    const silent = createServer((stream) => {
      streams.push(stream);
      stream.resume();
    }).listen(`${directory}/ctl`);
    atEnd(() => silent.close());
    const here = await network();
    await here.sw.attach(`vde,sock=${directory}`);
    await until(() => streams.length === 1, 'the silent switch to be asked');
    const started = performance.now();
    await here.sw.detach('vde0');
    await until(() => streams[0]!.destroyed, 'the end of the stream');
    await here.sw.attach(`vde,sock=${directory}`);
    await here.sw.close();
    expect(performance.now() - started).toBeLessThan(2000); // a join waits 5 s for an answer
    expect(readdirSync(directory)).toEqual(['ctl']);
  });

  test("an unknown group and the switch's own directory are refused at once", async () => {
    const { sw, directory } = await network();
    await expect(sw.attach(`vde,sock=${directory}/../ctl`)).rejects.toThrow("is this switch's own directory");
    await expect(sw.attach('vde,sock=/nowhere,group=no-such')).rejects.toMatchObject({
      code: 'EINVAL',
      message: "vde: there is no group 'no-such'",
    });
    await expect(sw.attach('vde')).rejects.toThrow("vde: sock is missing: the other switch's control directory");
    expect(sw.ports.list()).toEqual([]);
  });
});

test('a tsvde that is killed and started again is joined again, and the reconnect is counted', async () => {
  const here = await network();
  const first = await startTsvde([], { cwd: temporaryDirectory() });
  await here.sw.attach(`vde,sock=${first.directory},reconnect-ms=10`);
  const a = await here.join();
  await reachEachOther(a, await Recorder.join(first.directory), 1);
  await first.started.stop('SIGKILL');
  await until(() => !isUp(here), 'the loss');
  expect(here.sw.ports.get(1)).toMatchObject({ active: false, attachment: 'vde0' });
  await startTsvde([], { cwd: first.home });
  await reachEachOther(a, await Recorder.join(first.directory), 2000);
  expect(here.sw.attachments()[0]!.stats).toEqual({ connections: 1, reconnects: 1 });
  expect(here.log.join('\n')).toContain(`vde0: the switch at '${first.directory}' ended the connection; trying again`);
});

test('an uplink ended by port/epclose is joined again', async () => {
  const [here, there] = [await network(), await network()];
  await here.sw.attach(`vde,sock=${there.directory},reconnect-ms=10`);
  await until(() => isUp(here), 'the uplink');
  here.sw.ports.closeEndpoint(1, here.sw.ports.get(1)!.endpoints[0]!.id);
  await until(() => here.sw.attachments()[0]!.stats.reconnects === 1, 'the uplink again');
  await reachEachOther(await here.join(), await there.join(), 1);
});

describeWith(['vde_switch'], 'Debian’s vde_switch', () => {
  test('vde_switch is joined, and joined again after it was killed', async () => {
    const here = await network();
    const directory = `${temporaryDirectory()}/ctl`;
    const first = await startVdeSwitch(directory);
    await here.sw.attach(`vde,sock=${directory},port=4,reconnect-ms=10`);
    const a = await here.join();
    await reachEachOther(a, await Recorder.join(directory), 1);
    first.stdin.write('port/print 4\n');
    await first.output(/Port 0004[\s\S]*unix prog +: tsvde user=/);
    await first.stop('SIGKILL');
    await startVdeSwitch(directory);
    await reachEachOther(a, await Recorder.join(directory), 2000);
  });
});

test('pauses between attempts double up to 30 s, and are short again after a lasting connection', () => {
  const backOff = new BackOff(1000);
  const failures = Array.from({ length: 7 }, () => backOff.failed(0));
  expect(failures).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  backOff.made(100_000);
  expect(backOff.failed(100_500)).toBe(30_000); // the connection was accepted, but dropped at once
  backOff.made(200_000);
  expect(backOff.failed(260_000)).toBe(1000);
  expect(new BackOff(60_000).failed(0)).toBe(60_000);
  const limited = new BackOff(1000, 1500);
  expect(Array.from({ length: 3 }, () => limited.failed(0))).toEqual([1000, 1500, 1500]);
});
