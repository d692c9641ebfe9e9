// Clients that connect and disconnect at the same time, and attempts of a hostile client.
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { Plug } from '../../src/index.ts';
import { formatAddress } from '../../src/protocol/request.ts';
import { PortTable } from '../../src/switch/port-table.ts';
import { grantSocket, holdSocket } from '../../src/system/held-path.ts';
import { LineLimit } from '../../src/system/line-limit.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { network, Recorder } from '../support/network.ts';
import { run, start } from '../support/process.ts';
import { JOIN } from '../support/python.ts';
import { dataSocket, RawClient } from '../support/raw-client.ts';
import { StreamPeer } from '../support/stream-peer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

test('a client that joins the port of a disconnecting client is not refused and gets its own socket', async () => {
  const { directory, sw, log } = await network({ numPorts: 64 });
  const connectAndClose = async () => {
    for (let i = 0; i < 60; i++) (await Plug.connect(directory)).close();
  };
  await Promise.all(Array.from({ length: 25 }, connectAndClose));
  for (let i = 0; i < 300; i++) (await Plug.connect(directory, { port: 7 })).close();
  expect(log).toEqual([]);
  await until(() => sw.ports.list().every(({ active }) => !active), 'the last disconnect');
  expect(readdirSync(directory)).toEqual(['ctl']);
}, 60_000);

test('a foreign file with the name of a data socket stays, and the client gets the next name', async () => {
  const { directory, join, log } = await network();
  writeFileSync(`${directory}/001.1`, 'foreign');
  symlinkSync('nowhere', `${directory}/001.2`);
  expect((await join()).plug.switchPath).toBe(`${directory}/001.3`);
  expect(log).toEqual([]);
  expect(readdirSync(directory).sort()).toEqual(['001.1', '001.2', '001.3', 'ctl']);
});

test('a client is refused when all names are in use, and the log names a file', async () => {
  const { directory, sw, join, log } = await network();
  for (let id = 1; id <= 100; id++) writeFileSync(`${directory}/001.${id}`, 'foreign');
  await expect(join()).rejects.toThrow(/it refused/);
  expect(log.join()).toContain(`EADDRINUSE: cannot bind '${directory}/001.50': Address already in use`);
  expect(sw.ports.list()).toEqual([]);
  expect(readdirSync(directory)).toHaveLength(101);
});

test('an endpoint ID is not reused while the event of its end may still be queued', async () => {
  const { sw, join } = await network();
  const path = `${temporaryDirectory()}/s`;
  await sw.attach(`stream,id=s,server=on,addr.type=unix,addr.path=${path}`);
  const peer = await StreamPeer.connect({ path });
  await until(() => sw.ports.get(1)?.active, 'the port of the peer');
  const old = sw.ports.get(1)!.endpoints[0]!.id;
  // The engine sees the end while this thread is busy. The event of the end is read only after the ID is free and the
  // next endpoint is attached.
  peer.socket.destroy();
  const busyUntil = Date.now() + 50;
  while (Date.now() < busyUntil);
  sw.ports.closeEndpoint(1, old);
  const unix = (end: string) => `${end}.type=unix,${end}.path=${path}-${end}`;
  await sw.attach(`dgram,id=d,${unix('local')},${unix('remote')}`);
  expect(sw.ports.get(1)!.endpoints[0]!.id).not.toBe(old);
  await join();
  expect(sw.attachments()).toMatchObject([{ id: 's' }, { id: 'd', ports: [1] }]);
});

describe('endpoint IDs', () => {
  test('endpoint IDs wrap around after 9999 and skip the IDs in use', () => {
    const ports = new PortTable(1, () => {});
    ports.create(1);
    const add = () => {
      const id = ports.nextEndpointId();
      ports.addEndpoint(1, { id, kind: 'vde', description: '' }, 0);
      return id;
    };
    expect([add(), add(), add()]).toEqual([1, 2, 3]);
    ports.removeEndpoint(1, 3);
    expect(add()).toBe(4);
    for (let id = 5; id <= 9999; id++) expect(ports.nextEndpointId()).toBe(id);
    expect([add(), add()]).toEqual([3, 5]);
  });
});

test('a foreign file in place of a data socket is logged and stays, and the switch goes on', async () => {
  const { directory, sw, join, log } = await network();
  for (const put of [(path: string) => mkdirSync(path), (path: string) => writeFileSync(path, 'foreign')]) {
    const { plug } = await join();
    rmSync(plug.switchPath);
    put(plug.switchPath);
    plug.close();
    await until(() => !sw.ports.get(1)?.active, 'the end of the client');
    expect(log.splice(0)).toEqual([`'${plug.switchPath}' was replaced by another file, which is kept`]);
    rmSync(plug.switchPath, { recursive: true });
  }
  const { plug } = await join();
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'foreign');
  plug.close();
  await until(() => !sw.ports.get(1)?.active, 'the end of the client');
  expect(log).toEqual([]); // the socket went with the directory, and the file that took its name is not looked at
  await sw.close();
  expect(readFileSync(directory, 'utf8')).toBe('foreign');
});

describeWith(['root', 'setpriv', '/usr/bin/python3'], 'a data socket of another user', () => {
  /** Debian's user IDs. */
  const [DAEMON, BIN] = [1, 2];
  const joinAs = (uid: number, owner: number, directory: string) => `${JOIN}
import os
path = '${directory}/c-${uid}-${owner}'
d = data_socket(path); os.chmod(path, 0o777); os.chown(path, ${owner}, -1)
os.setresuid(${uid}, ${uid}, ${uid})
s, answer = ask('${directory}/ctl', path)
if answer:
    d.setblocking(False)
    d.sendto(bytes(60), address_in(answer))
print('answer', len(answer), flush=True)
s.recv(1)`;

  test.each([
    ['root', 0, 'daemon', DAEMON],
    ['root', 0, 'root', 0],
    ['daemon', DAEMON, 'daemon', DAEMON],
  ])('%s (uid %d) may join with a socket of %s', async (_, uid, __, owner) => {
    const { directory, sw, log } = await network({ mode: 0o666 });
    chmodSync(dirname(directory), 0o755);
    await start('/usr/bin/python3', ['-c', joinAs(uid, owner, directory)]).output(/answer 110\n/);
    await until(() => sw.counters()[0]?.receiveBytes === 60n, 'the frame');
    expect(log).toEqual([]);
  });

  test.each([
    ['daemon', DAEMON, 'bin', BIN],
    ['daemon', DAEMON, 'root', 0],
  ])('%s (uid %d) is refused with a socket of %s, and the log says why', async (_, uid, __, owner) => {
    const { directory, sw, log } = await network({ mode: 0o666 });
    chmodSync(dirname(directory), 0o755);
    const client = start('/usr/bin/python3', ['-c', joinAs(uid, owner, directory)]);
    await client.output(/answer 0\n/);
    expect(log).toEqual([
      expect.stringMatching(
        `^refused a client \\(pid ${client.pid}, uid ${uid}\\): .*/c-${uid}-${owner}": its data socket belongs to uid ${owner}$`,
      ),
    ]);
    expect(sw.ports.list()).toEqual([]);
  });
});

describeWith(['root', 'setpriv'], 'a switch that any user may join', () => {
  test('a client that replaces its own data socket by a directory does not end the switch', async () => {
    const { started, directory } = await startTsvde(['-m', '666']);
    chmodSync(dirname(directory), 0o755);
    const plug = await Plug.connect(directory);
    atEnd(() => plug.close());
    const path = plug.switchPath;
    chownSync(path, 65534, -1); // as if nobody were the client
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const swap = await run('setpriv', [...nobody, 'sh', '-c', 'rm -f "$1" && mkdir "$1"', 'sh', path]);
    expect(swap.code).toBe(0);
    plug.close();
    await started.output(/001\.\d+' was replaced by another file/);
    await Recorder.join(directory);
    expect(started.running).toBe(true);
  });
});

test('repeated refusals do not fill the log', async () => {
  const { directory, sw, log } = await network();
  for (let i = 0; i < 100; i++) {
    const client = await RawClient.connect(directory);
    client.stream.write('of no known magic');
    await client.closed;
  }
  expect(log).toHaveLength(20);
  await sw.close();
  expect(log.slice(20)).toEqual(['refused 80 more clients meanwhile']);
});

test('a line limit lets lines through again after ten seconds', () => {
  vi.useFakeTimers();
  atEnd(() => vi.useRealTimers());
  const said: string[] = [];
  const limit = new LineLimit(
    (line) => said.push(line),
    (count) => `${count} more`,
  );
  const say = (count: number) => {
    for (let i = 0; i < count; i++) limit.say('line');
  };
  say(23);
  expect(said.splice(0)).toEqual(Array(20).fill('line'));
  vi.advanceTimersByTime(10_000);
  expect(said.splice(0)).toEqual(['3 more']);
  say(2);
  vi.advanceTimersByTime(20_000);
  say(20);
  expect(said).toEqual(Array(22).fill('line'));
});

test('a held socket is connected to even after another socket has taken its name', async () => {
  const directory = temporaryDirectory();
  const [own, victim] = [dataSocket(directory), dataSocket(directory)];
  const held = await holdSocket(Buffer.from(own.path));
  renameSync(victim.path, own.path);
  const fd = native.openDatagram(`${directory}/001.1`, formatAddress(held.name));
  atEnd(() => native.closeDescriptor(fd));
  await held.file.close();
  writeSync(fd, Buffer.alloc(60));
  expect(readSync(own.fd, Buffer.alloc(100))).toBe(60);
  expect(() => readSync(victim.fd, Buffer.alloc(100))).toThrow('EAGAIN');
});

test('permissions are given only to a socket, never to the target of a link', () => {
  const directory = temporaryDirectory();
  const { path } = dataSocket(directory);
  grantSocket(path, { mode: 0o640 });
  expect(statSync(path).mode & 0o777).toBe(0o640);
  const secret = `${directory}/secret`;
  writeFileSync(secret, '');
  chmodSync(secret, 0o600);
  symlinkSync(secret, `${directory}/link`);
  symlinkSync(path, `${directory}/link-to-socket`);
  for (const name of ['secret', 'link', 'link-to-socket'])
    expect(() => grantSocket(`${directory}/${name}`, { mode: 0o666, uid: 1 })).toThrow(
      'replaced by a file that is not a socket',
    );
  expect(statSync(secret)).toMatchObject({
    uid: process.getuid!(),
    mode: expect.toSatisfy((mode) => (mode & 0o777) === 0o600),
  });
  expect(() => grantSocket(`${directory}/none`, { mode: 0o666 })).toThrow(
    expect.objectContaining({ code: 'ENOENT', path: `${directory}/none` }),
  );
});
