// Tests the capture menu, and connections that become pcapng streams.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type ConsoleClient, serveConsole } from '../support/console.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { type CaptureFile, readPcapng } from '../support/pcapng.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const FIRST = '02:00:00:00:00:01';
const END = '9999 END OF SESSION';

async function served() {
  const net = await network();
  const console = await serveConsole(net);
  return { ...net, console, client: await console.connect() };
}

/** Records the bytes that a session gets from now on. */
function recorded({ socket }: ConsoleClient): { bytes(): Buffer; capture(): CaptureFile | undefined } {
  const pieces: Buffer[] = [];
  (socket as Socket).on('data', (piece: Buffer) => pieces.push(piece));
  const bytes = () => Buffer.concat(pieces);
  return {
    bytes,
    capture() {
      const end = bytes().indexOf(END);
      return end < 0 ? undefined : readPcapng(bytes().subarray(end + END.length));
    },
  };
}

describe('captures to files', () => {
  test('are added, shown and removed', async () => {
    const { sw, client, join } = await served();
    const file = `${temporaryDirectory()}/one`;
    expect(await client.ask(`capture/add one file=${file} port=1,2 direction=tx snaplen=100 count=7`)).toContain(
      '1000',
    );
    expect(await client.ask('capture/add two file=/nonexistent/x')).toContain('1022');
    const [a, b] = [await join({ port: 1 }), await join({ port: 2 })];
    a.send(frame(BROADCAST, FIRST, 200));
    await b.receives(frame(BROADCAST, FIRST, 200));
    expect(await client.ask('capture/print')).toContain(
      `\none running frames=1 bytes=100 lost=0 file=${file} port=1,2 direction=tx snaplen=100 count=7\n`,
    );
    expect(JSON.parse((await client.ask('json capture/print one')).split('\n')[1]!).data).toEqual([
      {
        ...{ name: 'one', file, ports: [1, 2], direction: 'tx', snapLength: 100, drops: false, count: 7 },
        ...{ state: 'running', frames: 1, bytes: 100, lost: 0 },
      },
    ]);
    expect(await client.ask('capture/print three')).toContain('1002');
    expect(await client.ask('capture/remove one')).toContain('1000');
    expect(await client.ask('capture/remove one')).toContain('1002');
    expect(readPcapng(readFileSync(file)).packets.length).toBe(1);
    expect(sw.captures.list()).toEqual([]);
  });

  test.each([
    ['capture/add', "'' is not a name"],
    ['capture/add one', 'a capture needs a file'],
    ['capture/add one /tmp/file', "'/tmp/file' is not KEY=VALUE"],
    ['capture/add one file=a file=b', "'file' is given twice"],
    ['capture/add one file=a cuont=1', "there is no option 'cuont'; did you mean 'count'?"],
    ['capture/add one file=a port=x', "'x' is neither the number nor the name of a port"],
    ['capture/add one file=a port=1 direction=in', "'in' is not a direction"],
  ])('%s: %s', async (line, sentence) => {
    const { client, log } = await served();
    expect(await client.ask(`json ${line}`)).toContain(JSON.stringify(sentence).slice(1, -1));
    expect(log.join('\n')).toContain(`capture/add: ${sentence}`);
  });
});

describe('capture/stream', () => {
  test('sends nothing but pcapng after its reply', async () => {
    const { sw, client, join } = await served();
    const [a, b] = [await join({ port: 1 }), await join({ port: 2 })];
    await client.ask('debug/add'); // no debug line may be sent after the reply
    const session = recorded(client);
    client.socket.write('capture/print\nshowinfo\ncapture/stream port=1\nshutdown\n');
    await until(() => sw.captures.list().length === 1, 'the capture');
    await join({ port: 3 });
    const frames = Array.from({ length: 100 }, (_, i) => frame(BROADCAST, FIRST, 60 + i, i));
    for (const bytes of frames) {
      a.send(bytes);
      await b.receives(bytes);
    }
    await until(() => session.capture()?.packets.length === 100, 'the frames');
    expect(session.bytes().toString('latin1').split(END)[0]).toMatch(/0000 DATA.*VDE switch.*1000 Success/s);
    expect(session.capture()!.packets.map(({ bytes }) => bytes)).toEqual(frames);
    expect(sw.captures.list()).toMatchObject([{ name: 'live-1', file: undefined, state: 'running' }]);
    client.socket.end();
    await until(() => client.ended && sw.captures.list().length === 0, 'the end');
    expect(session.capture()).toMatchObject({ lost: 0 });
  });

  test('can be removed by its name', async () => {
    const { sw, client, console } = await served();
    client.socket.write('capture/stream\n');
    await until(() => sw.captures.list().length === 1, 'the capture');
    const other = await console.connect();
    expect(await other.ask('capture/remove live-1')).toContain('1000 Success');
    await until(() => client.ended && sw.captures.list().length === 0, 'the end');
  });

  test('ends with a client that disconnects, and with the switch', async () => {
    const { sw, client, console } = await served();
    client.socket.write('capture/stream\n');
    await until(() => sw.captures.list().length === 1, 'the capture');
    client.socket.destroy();
    await until(() => sw.captures.list().length === 0, 'its end');
    const other = await console.connect();
    other.socket.write('capture/stream\n');
    await until(() => sw.captures.list().length === 1, 'the capture');
    await sw.close();
    await until(() => other.ended, 'the end of the connection');
  });

  test('is refused with a sentence, and the session goes on', async () => {
    const { client } = await served();
    expect(await client.ask('json capture/stream port=99')).toContain('port 99 is not one of 1 to 32');
    expect(await client.ask('json capture/stream file=x')).toContain("there is no option 'file'");
    expect(await client.ask('capture/print')).toContain('1000 Success');
  });

  test('is refused in a script', async () => {
    const { sw, client } = await served();
    const script = `${temporaryDirectory()}/script`;
    writeFileSync(script, 'capture/stream\njson capture/stream\n');
    expect(await client.ask(`json load ${script}`)).toContain('only tsvdectl capture can use capture/stream');
    expect(sw.captures.list()).toEqual([]);
  });
});
