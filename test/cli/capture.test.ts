// Tests tsvdectl capture, which writes pcapng to a file or a pipe until it is interrupted.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { serveConsole } from '../support/console.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { readPcapng } from '../support/pcapng.ts';
import { run, start, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const FIRST = '02:00:00:00:00:01';

async function served() {
  const net = await network();
  const { path } = await serveConsole(net);
  return { ...net, path };
}

async function exchange({ join }: Awaited<ReturnType<typeof served>>, count: number): Promise<Buffer[]> {
  const [a, b] = [await join({ port: 1 }), await join({ port: 2 })];
  const frames = Array.from({ length: count }, (_, i) => frame(BROADCAST, FIRST, 60 + i, i));
  for (const bytes of frames) {
    a.send(bytes);
    await b.receives(bytes);
  }
  return frames;
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s completes the file', async (signal) => {
  const net = await served();
  const file = `${temporaryDirectory()}/file`;
  const capturing = start(tsvdectl, ['-M', net.path, 'capture', '-w', file, '-p', '2', '-d', 'tx']);
  await until(() => net.sw.captures.list().length === 1, 'the capture');
  const frames = await exchange(net, 20);
  capturing.signal(signal);
  expect(await capturing.exited).toEqual({ code: 0, signal: null });
  expect(capturing.stderr()).toBe('tsvdectl: 20 frames captured, 0 lost\n');
  const { packets, lost } = readPcapng(readFileSync(file));
  expect(packets.map(({ bytes }) => bytes)).toEqual(frames);
  expect(packets.every(({ port, direction }) => port === 'port 2' && direction === 2)).toBe(true);
  expect(lost).toBe(0);
});

test('standard output gets each burst at once, and -c ends the capture', async () => {
  const net = await served();
  const pieces: Buffer[] = [];
  const capturing = start(tsvdectl, ['-M', net.path, 'capture', '-c', '6', '-s', '30']);
  capturing.onStdout((piece) => pieces.push(piece));
  await until(() => net.sw.captures.list().length === 1, 'the capture');
  const [first] = await exchange(net, 1);
  await until(() => readPcapng(Buffer.concat(pieces)).packets.length === 2, 'the first burst');
  await exchange(net, 2);
  expect(await capturing.exited).toEqual({ code: 0, signal: null });
  const { packets } = readPcapng(Buffer.concat(pieces));
  expect(packets.map(({ size }) => size)).toEqual([60, 60, 60, 60, 61, 61]);
  expect(packets[0]!.bytes).toEqual(first!.subarray(0, 30));
});

test('when the reader of its output exits, tsvdectl ends, and then the capture', async () => {
  const { sw, path, join } = await served();
  const capturing = start('sh', ['-c', `${tsvdectl} -M ${path} capture | head -c 100 >/dev/null`]);
  await until(() => sw.captures.list().length === 1, 'the capture');
  const a = await join();
  await until(() => {
    a.send(frame(BROADCAST, FIRST));
    return !capturing.running && sw.captures.list().length === 0;
  }, 'both ends');
});

test('when the reader of its output exits, tsvdectl ends even if there are no frames', async () => {
  const { sw, path } = await served();
  const capturing = start('sh', ['-c', `${tsvdectl} -M ${path} capture | head -c 4 >/dev/null`]);
  await until(() => !capturing.running && sw.captures.list().length === 0, 'both ends');
});

test.each([
  [['-p', '99'], 22, 'port 99 is not one of 1 to 32'],
  [['-p', 'x'], 22, "'x' is neither the number nor the name of a port"],
  [['-p', '1 2'], 255, "'1 2' is not a valid port"],
  [['-d', 'in'], 22, "'in' is not a direction: it is rx, tx or both"],
  [['-s', '-1'], 22, 'the snap length is -1'],
  [['--wrong'], 255, "unknown option '--wrong'"],
  [['-w', '/nonexistent/file'], 255, "cannot write '/nonexistent/file': No such file or directory"],
])('%j is refused', async (words, code, sentence) => {
  const { path, sw } = await served();
  const file = `${temporaryDirectory()}/file`;
  const result = await run(tsvdectl, ['-M', path, 'capture', '-w', file, ...words]);
  expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(sentence)]);
  expect(existsSync(file)).toBe(false);
  await until(() => sw.captures.list().length === 0, 'the end of the capture');
});

test('capture/stream is refused as a command', async () => {
  const { path, sw } = await served();
  for (const line of ['capture/stream', 'json capture/stream port=1']) {
    const result = await run(tsvdectl, ['-M', path, line]);
    expect([result.code, result.stderr]).toEqual([255, expect.stringContaining('run tsvdectl capture')]);
  }
  expect(sw.captures.list()).toEqual([]);
});

test('-C and -W write files in turn, each complete', async () => {
  const net = await served();
  const file = `${temporaryDirectory()}/file`;
  const capturing = start(tsvdectl, ['-M', net.path, 'capture', '-w', file, '-C', '1', '-W', '3', '-p', '1']);
  await until(() => net.sw.captures.list().length === 1, 'the capture');
  const a = await net.join({ port: 1 });
  const frames = 2500;
  let sent = 0;
  await until(
    () => {
      while (sent < frames && a.plug.sendUnchecked([frame(BROADCAST, FIRST, 1514, sent)]) === 1) sent++;
      return net.sw.captures.list()[0]!.frames === BigInt(frames);
    },
    'all frames to be captured',
    20_000,
  );
  capturing.signal('SIGINT');
  expect(await capturing.exited).toEqual({ code: 0, signal: null });
  const captures = [0, 1, 2].map((number) => readPcapng(readFileSync(`${file}${number}`)));
  expect(captures.every(({ interfaces }) => interfaces.length === 1)).toBe(true);
  const marks = captures.map(({ packets }) => packets.map(({ bytes }) => bytes.readUInt32BE(14)));
  for (const list of marks) expect(list).toEqual(list.map((_, i) => list[0]! + i));
  expect(Math.max(...marks.flat())).toBe(frames - 1);
  const whole = Math.floor(1_000_000 / 1560); // a block has 44 bytes and a padding of 2 besides its frame
  expect(marks.map(({ length }) => length).filter((length) => Math.abs(length - whole) < 5).length).toBeGreaterThan(1);
}, 60_000);

test.each([
  [['-W', '3'], '-W needs -C'],
  [['-C', '1'], '-C needs a file'],
  [['-C', '0', '-w', 'x'], "'0' is not valid for -C"],
  [['-C', '1', '-W', 'x', '-w', 'x'], "'x' is not valid for -W"],
])('%j is refused', async (words, sentence) => {
  const { code, stderr } = await run(tsvdectl, ['-M', '/nonexistent', 'capture', ...words]);
  expect({ code, stderr }).toEqual({ code: 255, stderr: expect.stringContaining(sentence) });
});
