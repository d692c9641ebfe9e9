// The control directory: what the start removes from it and what it leaves, and the permissions of each mode.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { directoryModes } from '../../src/control/directory.ts';
import { Plug, Switch } from '../../src/index.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';

async function listen(directory: string, options: { mode?: number; dirMode?: number } = {}) {
  const sw = new Switch();
  atEnd(() => sw.close());
  await sw.listen({ directory, ...options });
  return sw;
}

test('the start removes the data sockets that a killed switch left, and nothing else', async () => {
  const directory = temporaryDirectory();
  for (const name of ['001.1', '012.34', '4096.7'])
    native.closeDescriptor(native.openDatagram(`${directory}/${name}`, null));
  const others = ['01.1', '001', '001.', '001.5x', 'x001.5', '.01819-00000', 'mgmt'];
  for (const name of others) native.closeDescriptor(native.openDatagram(`${directory}/${name}`, null));
  writeFileSync(`${directory}/001.5`, 'a file');
  mkdirSync(`${directory}/002.5`);
  symlinkSync('mgmt', `${directory}/003.5`);
  execFileSync('mkfifo', [`${directory}/004.5`]);
  await listen(directory);
  for (const name of ['001.1', '012.34', '4096.7'])
    expect(lstatSync(`${directory}/${name}`, { throwIfNoEntry: false }), name).toBeUndefined();
  for (const name of others) expect(lstatSync(`${directory}/${name}`).isSocket(), name).toBe(true);
  expect(readFileSync(`${directory}/001.5`, 'utf8')).toBe('a file');
  expect(lstatSync(`${directory}/002.5`).isDirectory()).toBe(true);
  expect(lstatSync(`${directory}/003.5`).isSymbolicLink()).toBe(true);
  expect(lstatSync(`${directory}/004.5`).isFIFO()).toBe(true);
});

test('what happens to the path of the directory changes nothing: its files are found by its descriptor', async () => {
  const home = temporaryDirectory();
  const [directory, moved] = [`${home}/ctl`, `${home}/moved`];
  const sw = new Switch();
  const log: string[] = [];
  sw.on('log', (line) => log.push(line));
  await sw.listen({ directory });
  const plug = await Plug.connect(directory);
  atEnd(() => plug.close());
  renameSync(directory, moved);
  mkdirSync(directory, { mode: 0o755 });
  const foreign = ['ctl', '001.1'].map((name) => `${directory}/${name}`);
  for (const path of foreign) writeFileSync(path, '', { mode: 0o640 });
  await expect(Plug.connect(moved)).rejects.toThrow(/refused/);
  expect(log.join()).toContain('was replaced by another file');
  await sw.close();
  expect(readdirSync(moved)).toEqual([]);
  for (const path of foreign) expect(statSync(path).mode & 0o777).toBe(0o640);
});

describeWith(['root'], 'a directory that others may write to', () => {
  const MEMBER = 65534;
  const asMember = (act: () => void) => {
    process.seteuid!(MEMBER); // needs the main thread
    try {
      act();
    } finally {
      process.seteuid!(0);
    }
  };

  test.each([[{ mode: 0o666 }], [{ dirMode: 0o2777 }], [{ mode: 0o660, dirMode: 0o777 }]])(
    'with %o is sticky: a client cannot replace ctl, nor the data socket of another client',
    async (options) => {
      const home = temporaryDirectory();
      chmodSync(home, 0o755);
      const directory = `${home}/d`;
      await listen(directory, options);
      const plug = await Plug.connect(directory);
      atEnd(() => plug.close());
      for (const name of ['ctl', basename(plug.switchPath)]) {
        expect(() => asMember(() => renameSync(`${directory}/${name}`, `${directory}/mine`))).toThrow(/EPERM/);
        expect(() => asMember(() => unlinkSync(`${directory}/${name}`))).toThrow(/EPERM/);
      }
      asMember(() => writeFileSync(`${directory}/.00001-00000`, '')); // a client's own socket is made here
    },
  );

  test.each([[{}], [{ mode: 0o600 }], [{ mode: 0o644 }], [{ dirMode: 0o750 }]])('%o alone is not', async (options) => {
    const directory = `${temporaryDirectory()}/d`;
    await listen(directory, options);
    expect(statSync(directory).mode & 0o1000).toBe(0);
  });
});

test('a data socket of a live switch stays', async () => {
  const directory = temporaryDirectory();
  native.closeDescriptor(native.openDatagram(`${directory}/001.1`, null));
  const live = createServer().listen(`${directory}/ctl`);
  atEnd(() => live.close());
  await expect(listen(directory)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(lstatSync(`${directory}/001.1`).isSocket()).toBe(true);
});

test.each(
  [
    [0o600, 0o2700],
    [0o660, 0o2770],
    [0o666, 0o2777],
    [0o622, 0o2733], // connecting needs only write permission, and permission to search the directory
    [0o620, 0o2730],
    [0o602, 0o2703],
    [0o222, 0o2333],
    [0o644, 0o2755],
    [0o640, 0o2750],
    [0o604, 0o2705],
    [0o400, 0o2500],
    [0o004, 0o2005],
    [0o002, 0o2003],
    [0o040, 0o2050],
    [0o020, 0o2030],
    [0o000, 0o2000],
    [0o777, 0o2777],
    [0o711, 0o2700],
  ].map(([mode, dirMode]) => ({ mode: mode!, dirMode: dirMode!, octal: mode!.toString(8) })),
)('mode $octal', ({ mode, dirMode }) => {
  expect(directoryModes({ mode })).toEqual({ mode, dirMode });
});

describeWith(['vde_switch', 'root'], 'modes compared with vde_switch', () => {
  test.each([0o622, 0o620, 0o602, 0o644, 0o640, 0o604, 0o711].map((mode) => [mode.toString(8), mode] as const))(
    'mode %s',
    async (_, mode) => {
      const [theirs, ours] = [`${temporaryDirectory()}/ctl`, `${temporaryDirectory()}/ctl`];
      await startVdeSwitch(theirs, ['-m', mode.toString(8).padStart(4, '0')]);
      await listen(ours, { mode });
      const modes = (directory: string) => ['', '/ctl'].map((name) => statSync(directory + name).mode & 0o7777);
      const [theirDirectory, theirCtl] = modes(theirs);
      const sticky = theirDirectory! & 0o022 ? 0o1000 : 0; // a difference that the manual lists
      expect(modes(ours)).toEqual([theirDirectory! | sticky, theirCtl]);
    },
  );
});
