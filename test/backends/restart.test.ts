// A switch that is killed, without a chance to clean up, and started again: its peers reconnect by themselves.
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run, tsvde } from '../support/process.ts';
import { StreamPeer, StreamServer } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

/**
 * How long a peer may take to reconnect. On a busy machine a restart takes a second or more, and peers have doubled
 * their pauses between attempts by then.
 */
const RECONNECT_MS = 20_000;

/** A client that tries again for as long as it is refused. */
async function persistent(path: string): Promise<StreamPeer> {
  return until(() => StreamPeer.connect({ path }).catch(() => undefined), `a listener on ${path}`, RECONNECT_MS);
}

/** Sends frames until one is received: a peer may not be heard directly after it has reconnected. */
async function carries(send: (mark: number) => void, received: readonly Buffer[], source: string): Promise<void> {
  let mark = 0;
  const marked = (i: number) => frame(BROADCAST, source, 90, i);
  await until(
    () => {
      send(++mark);
      return received.some((one) =>
        Array.from({ length: mark }, (_, i) => marked(i + 1)).some((sent) => sent.equals(one)),
      );
    },
    `a frame of ${source}`,
    RECONNECT_MS,
  );
}

test('clients and servers of a killed switch, another tsvde among them, carry frames again after each restart', async () => {
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
    await until(() => peer.ended && served.ended, 'the end of the streams');
  }
  await byStream.started.output(/up: port 1: the connection to .* has ended: the peer closed it; trying again/);
}, 120_000);

test('a port that cannot be opened stops the start and undoes what was opened before it', async () => {
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
  mkdirSync(`${home}/there`);
  const third = ['-s', `${home}/there`, '--port', `stream,server=on,addr.type=unix,addr.path=${home}/s`];
  expect(await run(tsvde, third)).toMatchObject({ code: 1 });
  rmdirSync(`${home}/there`);
  await first.started.stop();
  expect(readdirSync(home)).toEqual([]);
});

describeWith(['root', 'ip'], 'a server that does not answer', () => {
  test('a server that does not answer delays neither the start nor the end of the switch', async () => {
    const space = namespace();
    space.run('ip', 'route', 'add', '192.0.2.0/24', 'dev', 'lo'); // packets to 192.0.2.1 are lost
    const home = temporaryDirectory();
    const started = space.start(tsvde, ['-s', `${home}/ctl`, '--port', 'socket,connect=192.0.2.1:7']);
    await until(() => accepts(`${home}/ctl/ctl`), 'a switch', 10_000);
    started.stdin.write('port/attach stream,id=x,addr.type=inet,addr.host=192.0.2.1,addr.port=8\nport/attached\n');
    await started.output(/x ports=0002[\s\S]*1000 Success/);
    started.stdin.write('port/detach x\n');
    const before = performance.now();
    await started.stop('SIGTERM');
    expect(performance.now() - before).toBeLessThan(3000); // an attempt to connect takes 5 s
  });
});
