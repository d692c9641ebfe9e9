// Clients that come and go at once, and what they could gain by it.
import {
  chmodSync,
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
import { expect, test } from 'vitest';
import { Plug } from '../src/index.ts';
import { native } from '../src/native.ts';
import { formatAddress } from '../src/protocol/request.ts';
import { grantSocket, holdSocket } from '../src/socket-file.ts';
import { atEnd } from './support/at-end.ts';
import { describeWith } from './support/needs.ts';
import { network, Recorder } from './support/network.ts';
import { run } from './support/process.ts';
import { dataSocket } from './support/raw-client.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { startTsvde } from './support/tsvde.ts';
import { until } from './support/wait.ts';

test('who joins the port that somebody leaves is never refused, and finds its own socket there', async () => {
  const { directory, sw, log } = await network({ numPorts: 64 });
  const comeAndGo = async () => {
    for (let i = 0; i < 60; i++) (await Plug.connect(directory)).close();
  };
  await Promise.all(Array.from({ length: 25 }, comeAndGo));
  for (let i = 0; i < 300; i++) (await Plug.connect(directory, { port: 7 })).close();
  expect(log).toEqual([]);
  await until(() => sw.ports().every(({ active }) => !active), 'the last to leave');
  expect(readdirSync(directory)).toEqual(['ctl']);
});

test('a name that is in the way of a data socket refuses that client, and stays', async () => {
  const { directory, sw, join, log } = await network();
  writeFileSync(`${directory}/001.1`, 'of somebody');
  await expect(join()).rejects.toThrow(/it refused/);
  expect(log.join()).toContain('EADDRINUSE');
  expect(sw.ports()).toEqual([]);
  expect(readdirSync(directory).sort()).toEqual(['001.1', 'ctl']);
});

test('what is in the way of a data socket at its end is said and left, and the switch goes on', async () => {
  const { directory, sw, join, log } = await network();
  for (const put of [(path: string) => mkdirSync(path), (path: string) => writeFileSync(path, 'of somebody')]) {
    const { plug } = await join();
    rmSync(plug.switchPath);
    put(plug.switchPath);
    plug.close();
    await until(() => !sw.port(1)?.active, 'its end');
    expect(log.splice(0)).toEqual([`'${plug.switchPath}' is not what was made there, and stays`]);
    rmSync(plug.switchPath, { recursive: true });
  }
  const { plug } = await join();
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'of somebody');
  plug.close();
  await until(() => !sw.port(1)?.active, 'its end');
  expect(log).toEqual([`cannot remove '${plug.switchPath}': Not a directory`]);
  await sw.close();
  expect(readFileSync(directory, 'utf8')).toBe('of somebody');
});

describeWith(['root', 'setpriv'], 'a switch that any user may join', () => {
  test('is not ended by one who puts a directory in the place of a data socket', async () => {
    const { started, directory } = await startTsvde(['-m', '666']);
    chmodSync(dirname(directory), 0o755);
    const plug = await Plug.connect(directory);
    atEnd(() => plug.close());
    const path = plug.switchPath;
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const swap = await run('setpriv', [...nobody, 'sh', '-c', 'rm -f "$1" && mkdir "$1"', 'sh', path]);
    expect(swap.code).toBe(0);
    plug.close();
    await started.output(/001\.\d+' is not what was made there/);
    await Recorder.join(directory, { port: 2 });
    expect(started.running).toBe(true);
  });
});

test('a socket that was checked is the one that is connected to, whatever took its name', async () => {
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

test('rights are given to a socket alone, never to what a link leads to', () => {
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
    expect(() => grantSocket(`${directory}/${name}`, { mode: 0o666, uid: 1 })).toThrow('replaced by what is no socket');
  expect(statSync(secret)).toMatchObject({
    uid: process.getuid!(),
    mode: expect.toSatisfy((mode) => (mode & 0o777) === 0o600),
  });
  expect(() => grantSocket(`${directory}/none`, { mode: 0o666 })).toThrow(
    expect.objectContaining({ code: 'ENOENT', path: `${directory}/none` }),
  );
});
