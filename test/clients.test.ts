// Clients that come and go at once, and what they could gain by it.
import { chmodSync, readdirSync, readSync, renameSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Plug } from '../src/index.ts';
import { native } from '../src/native.ts';
import { formatAddress } from '../src/protocol/request.ts';
import { grantSocket, holdSocket } from '../src/socket-file.ts';
import { atEnd } from './support/at-end.ts';
import { network } from './support/network.ts';
import { dataSocket } from './support/raw-client.ts';
import { temporaryDirectory } from './support/temporary.ts';
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
