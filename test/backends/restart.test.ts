// A switch that is killed, with no chance to clean up, and started again: whoever was there carries frames again by itself.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run, tsvde } from '../support/process.ts';
import { StreamPeer, StreamServer } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

/** A client as another program would have it: it connects again for as long as it is refused. */
async function persistent(path: string): Promise<StreamPeer> {
  return until(() => StreamPeer.connect({ path }).catch(() => undefined), `somebody on ${path}`);
}

/** Sends until it is received: who has just connected again may not be heard at once. */
async function carries(send: (mark: number) => void, received: readonly Buffer[], source: string): Promise<void> {
  let mark = 0;
  const marked = (i: number) => frame(BROADCAST, source, 90, i);
  await until(() => {
    send(++mark);
    return received.some((one) =>
      Array.from({ length: mark }, (_, i) => marked(i + 1)).some((sent) => sent.equals(one)),
    );
  }, `a frame of ${source}`);
}

test('clients of a killed switch, another tsvde among them, and the servers it had connected to', async () => {
  const home = temporaryDirectory();
  const server = await StreamServer.listen({ path: `${home}/server` });
  const args = [
    '--hub',
    ...['--port', `stream,server=on,addr.type=unix,addr.path=${home}/listen`],
    ...['--port', `stream,addr.type=unix,addr.path=${home}/server,reconnect-ms=50`],
    ...['--port', `dgram,local.type=unix,local.path=${home}/d,remote.type=unix,remote.path=${home}/e`],
  ];
  const names = ['--port', `dgram,local.type=unix,local.path=${home}/e,remote.type=unix,remote.path=${home}/d`];
  const client = ['--port', `stream,addr.type=unix,addr.path=${home}/listen,reconnect-ms=50,id=up`];
  const byStream = await startTsvde(client);
  const byDatagram = await startTsvde(names);
  const plugs = [await Recorder.join(byStream.directory), await Recorder.join(byDatagram.directory)];

  for (let life = 1; life <= 3; life++) {
    const { started } = await startTsvde(args, { cwd: home });
    const own = await Recorder.join(`${home}/ctl`);
    const peer = await persistent(`${home}/listen`);
    const served = await server.peer(life);
    for (const far of [...plugs, peer, served]) {
      await carries((mark) => own.send(frame(BROADCAST, A, 90, mark)), far.frames, A);
      await carries((mark) => far.send(frame(BROADCAST, B, 90, mark)), own.frames, B);
      for (const { frames } of [own, ...plugs, peer, served]) frames.length = 0;
    }
    await started.stop('SIGKILL');
    await until(() => peer.ended && served.ended, 'the end of its streams');
  }
  await byStream.started.output(
    /up: port 1: the connection to .* has ended: the other end has closed it; trying again/,
  );
});

test('a port that cannot be had stops the start, and what was opened before it is undone', async () => {
  const home = temporaryDirectory();
  const first = await startTsvde(['--port', `stream,server=on,addr.type=unix,addr.path=${home}/s`]);
  const second = await run(tsvde, [
    ...['-s', `${home}/ctl`, '--port', `stream,server=on,addr.type=unix,addr.path=${home}/other`],
    ...['--port', `stream,server=on,addr.type=unix,addr.path=${home}/s`],
  ]);
  expect(second).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`Could not bind to socket '${home}/s': Address already in use`),
  });
  expect(readdirSync(home)).toEqual(['s']);
  await first.started.stop();
  expect(readdirSync(home)).toEqual([]);
});
