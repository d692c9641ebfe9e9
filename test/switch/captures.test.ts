// Tests what the captures of a switch write, and which are refused.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { FileCaptureOptions } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { readPcapng } from '../support/pcapng.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const FIRST = '02:00:00:00:00:01';

describe('a capture to a file', () => {
  test('has every frame once, under the name and description of its port', async () => {
    const { sw, join } = await network();
    const a = await join({ port: 3, description: 'first' });
    const file = `${temporaryDirectory()}/all.pcapng`;
    await sw.captures.add('all', { file });
    const b = await join({ port: 5, description: 'second' });
    const frames = Array.from({ length: 50 }, (_, i) => frame(BROADCAST, FIRST, 60 + i, i));
    for (const bytes of frames) {
      a.send(bytes);
      await b.receives(bytes);
    }
    expect(sw.captures.list()).toMatchObject([{ name: 'all', file, state: 'running', frames: 100n, lost: 0n }]);
    await sw.captures.remove('all');
    expect(sw.captures.list()).toEqual([]);
    const { interfaces, packets, lost } = readPcapng(readFileSync(file));
    expect(interfaces.map(({ name }) => name)).toEqual(['port 3', 'port 5']);
    expect(interfaces[0]!.description).toContain('first');
    expect(interfaces[1]!.description).toContain('second');
    expect(lost).toBe(0);
    const moved = (port: string, direction: number) =>
      packets.filter((packet) => packet.port === port && packet.direction === direction).map(({ bytes }) => bytes);
    expect(packets.length).toBe(100);
    expect(moved('port 3', 1)).toEqual(frames);
    expect(moved('port 5', 2)).toEqual(frames);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('is limited to ports, a direction, a length and a number of frames, and is complete then', async () => {
    const { sw, join } = await network();
    const [a, b] = [await join({ port: 1 }), await join({ port: 2 })];
    const file = `${temporaryDirectory()}/some.pcapng`;
    writeFileSync(file, 'what was there before');
    sw.ports.setName(2, 'web');
    await sw.captures.add('some', { file, ports: ['web'], direction: 'tx', snapLength: 20, count: 3 });
    for (let i = 0; i < 6; i++) {
      a.send(frame(BROADCAST, FIRST, 100, i));
      await b.receives(frame(BROADCAST, FIRST, 100, i));
    }
    await until(() => sw.captures.list()[0]!.state === 'complete', 'the end of the capture');
    const { packets } = readPcapng(readFileSync(file));
    expect(packets.map(({ port, direction, size }) => [port, direction, size])).toEqual(
      [0, 1, 2].map(() => ['web', 2, 100]),
    );
    expect(packets[2]!.bytes).toEqual(frame(BROADCAST, FIRST, 100, 2).subarray(0, 20));
    expect(sw.captures.list()[0]).toMatchObject({ frames: 3n, bytes: 60n, lost: 0n, error: undefined });
  });

  test('is complete when its switch is closed', async () => {
    const { sw, join } = await network();
    const [a, b] = [await join(), await join()];
    const file = `${temporaryDirectory()}/closed.pcapng`;
    await sw.captures.add('closed', { file });
    a.send(frame(BROADCAST, FIRST));
    await b.receives(frame(BROADCAST, FIRST));
    await sw.close();
    expect(readPcapng(readFileSync(file)).packets.length).toBe(2);
  });

  test('may be a named pipe, and has failed when its reader is gone', async () => {
    const { sw, log, join } = await network();
    const [a, b] = [await join(), await join()];
    const file = `${temporaryDirectory()}/pipe`;
    execFileSync('mkfifo', [file]);
    await expect(sw.captures.add('pipe', { file })).rejects.toThrow('no program reads the pipe');
    const reader = spawn('cat', [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    atEnd(() => reader.kill());
    const pieces: Buffer[] = [];
    reader.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    await until(async () => {
      await sw.captures.add('pipe', { file }).catch(() => {});
      return sw.captures.list().length === 1;
    }, 'the reader');
    a.send(frame(BROADCAST, FIRST));
    await b.receives(frame(BROADCAST, FIRST));
    await until(() => readPcapng(Buffer.concat(pieces)).packets.length === 2, 'the frames');
    reader.kill();
    await once(reader, 'exit');
    await until(() => sw.captures.list()[0]!.state === 'failed', 'the failure');
    expect(sw.captures.list()[0]).toMatchObject({ error: 'Broken pipe' });
    expect(log.join('\n')).toContain(`the capture 'pipe' has ended: '${file}': Broken pipe`);
    await sw.captures.remove('pipe');
  });
});

describe('a capture is refused with', () => {
  test.each<[Partial<FileCaptureOptions>, string]>([
    [{ file: '' }, 'a capture needs a file'],
    [{ file: '/dev/null' }, 'it is neither a regular file nor a pipe'],
    [{ file: '/nonexistent/file' }, 'No such file or directory'],
    [{ ports: [99] }, 'port 99 is not one of 1 to 32'],
    [{ ports: ['web'] }, "no port has the name 'web'"],
    [{ direction: 'in' as 'rx' }, "'in' is not a direction"],
    [{ snapLength: 0 }, 'the snap length is 0'],
    [{ snapLength: 262_145 }, 'the snap length is 262145'],
    [{ count: -1 }, 'the count of frames is -1'],
    [{ count: 1.5 }, 'the count of frames is 1.5'],
    [{ snaplength: 1 } as never, "did you mean 'snapLength'"],
  ])('%o', async (options, sentence) => {
    const { sw } = await network();
    await expect(sw.captures.add('name', { file: `${temporaryDirectory()}/f`, ...options })).rejects.toThrow(sentence);
    expect(sw.captures.list()).toEqual([]);
  });

  test('a name that is in use or invalid, a file that another capture writes, a link and a directory', async () => {
    const { sw } = await network();
    const home = temporaryDirectory();
    await sw.captures.add('one', { file: `${home}/one` });
    await expect(sw.captures.add('one', { file: `${home}/two` })).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(sw.captures.add('two', { file: `${home}/one` })).rejects.toThrow("the capture 'one' writes it");
    for (const name of ['', '1', 'a b', 'a/b', 'x'.repeat(65)])
      await expect(sw.captures.add(name, { file: `${home}/two` })).rejects.toThrow('is not a name');
    symlinkSync(`${home}/target`, `${home}/link`);
    await expect(sw.captures.add('two', { file: `${home}/link` })).rejects.toMatchObject({ code: 'EINVAL' });
    mkdirSync(`${home}/directory`);
    await expect(sw.captures.add('two', { file: `${home}/directory` })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(sw.captures.remove('two')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(sw.captures.list().map(({ name }) => name)).toEqual(['one']);
  });

  test('the name of another capture that began at the same time', async () => {
    const { sw } = await network();
    const home = temporaryDirectory();
    const results = await Promise.allSettled([1, 2].map((i) => sw.captures.add('one', { file: `${home}/${i}` })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });
});
