// Errors that keep a switch from starting: one sentence that names the cause, an exit code, and nothing left behind,
// both in the foreground and as a daemon.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient } from '../support/console.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

/** `%` stands for the test's directory, which has a text file, `file`, and a socket that is listened on, `taken`. */
const CASES: [why: string, args: string, exitCode: number, message: string][] = [
  [
    'a missing parent of the control directory',
    '-s %/no/ctl',
    255,
    "Cannot create ctl directory '%/no/ctl': No such file or directory",
  ],
  [
    'a file at the path of the control directory',
    '-s %/file',
    255,
    "'%/file' is not a directory: name one for the switch's sockets, or a path that is free",
  ],
  ['an unknown group', '-s %/ctl -g no-such-group', 1, "No such group 'no-such-group'"],
  ['an unknown management group', '-s %/ctl -M %/mgmt --mgmtgroup no-such-group', 1, "No such group 'no-such-group'"],
  [
    'a missing parent of the console',
    '-s %/ctl -M %/no/mgmt',
    1,
    "Could not bind to socket '%/no/mgmt': No such file or directory",
  ],
  [
    'a file at the path of the console',
    '-s %/ctl -M %/file',
    1,
    "'%/file' is in the way and is not a socket: remove it or choose another path",
  ],
  ['a console socket in use', '-s %/ctl -M %/taken', 1, "Could not bind to socket '%/taken': Address already in use"],
  [
    'a file that is not a pid file',
    '-s %/ctl -p %/file',
    1,
    "Error in pidfile creation: '%/file': File exists, and is not the pid file of a dead process",
  ],
  [
    'a missing parent of the pid file',
    '-s %/ctl -p %/no/pid',
    1,
    "Error in pidfile creation: '%/no/pid': No such file or directory",
  ],
  ['a missing rc file', '-s %/ctl -f %/no.rc', 1, "cannot open '%/no.rc': No such file or directory"],
  [
    'an invalid metrics address',
    '-s %/ctl -M %/mgmt --metrics here',
    1,
    "cannot serve metrics on 'here': give [HOST:]PORT, [IPV6]:PORT or unix:PATH",
  ],
  [
    'a metrics socket in use',
    '-s %/ctl -p %/pid --metrics unix:%/taken',
    1,
    "Could not bind to socket '%/taken': Address already in use",
  ],
  [
    'an invalid MAC address',
    '-s %/ctl --macaddr 00:11',
    1,
    'Invalid MAC Addr 00:11: give six bytes in hex, like 00:ff:11:22:33:44',
  ],
  ['a switch without ports', '-s %/ctl -n 0', 1, 'The switch must have at least 1 port'],
  ['an unknown option', '-s %/ctl --hubb', 2, "unknown option '--hubb'; did you mean '--hub'?"],
  [
    'a TAP name that is too long',
    `-s %/ctl -M %/mgmt -p %/pid -t ${'t'.repeat(16)}`,
    1,
    `cannot attach the TAP '${'t'.repeat(16)}': an interface's name has at most 15 bytes`,
  ],
];

describe.each(['in the foreground', 'as a daemon'])('%s', (where) => {
  test.each(CASES)('%s stops the start: %s', async (_, args, exitCode, message) => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/file`, 'text');
    const taken = createServer().listen(`${home}/taken`);
    atEnd(() => taken.close());
    await until(() => taken.listening, 'the taken socket');
    const words = args.replaceAll('%', home).split(' ');
    const result = await run(tsvde, where === 'as a daemon' ? ['-d', ...words] : words);
    expect(result).toEqual({
      code: exitCode,
      signal: null,
      stdout: '',
      stderr: `tsvde: ${message.replaceAll('%', home)}\n`,
    });
    expect(readdirSync(home).sort()).toEqual(['file', 'taken']);
    expect(readFileSync(`${home}/file`, 'utf8')).toBe('text');
  });

  test('a path too long for a socket stops the start', async () => {
    const home = temporaryDirectory();
    const flags = where === 'as a daemon' ? ['-d'] : [];
    const long = `${home}/${'l'.repeat(100 - home.length)}`;
    const directory = await run(tsvde, [...flags, '-s', long]);
    expect(directory).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has 101 bytes: .* room for 9\d; choose/),
    });
    const management = await run(tsvde, [...flags, '-s', `${home}/ctl`, '-M', `${long}1234567`]);
    expect(management).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has 108 bytes: .* room for 107; choose/),
    });
    expect(readdirSync(home)).toEqual([]);
  });
});

test('a second switch on a live directory fails and leaves the first unchanged', async () => {
  const home = temporaryDirectory();
  const { directory } = await startTsvde(['-m', '640', '-M', `${home}/mgmt`], { cwd: home });
  const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
  const before = statSync(directory);
  const inodes = readdirSync(directory).map((name) => [name, statSync(`${directory}/${name}`).ino]);
  for (const more of [[], ['-d'], ['-M', `${home}/mgmt`], ['-m', '666', '-M', `${home}/mgmt2`]]) {
    expect(await run(tsvde, ['-s', directory, ...more])).toMatchObject({
      code: 255,
      stderr: `tsvde: Could not bind to socket '${directory}/ctl': Address already in use\n`,
    });
  }
  expect(statSync(directory)).toMatchObject({ mode: before.mode, ctimeMs: before.ctimeMs });
  expect(readdirSync(directory).map((name) => [name, statSync(`${directory}/${name}`).ino])).toEqual(inodes);
  expect(existsSync(`${home}/mgmt2`)).toBe(false);
  a.send(frame(BROADCAST, '02:00:00:00:00:0a', 100));
  await b.receives(frame(BROADCAST, '02:00:00:00:00:0a', 100));
});

test.each([
  ['a new directory', false],
  ['an existing directory', true],
])('the console socket can be inside the control directory, %s', async (_, there) => {
  const home = temporaryDirectory();
  if (there) mkdirSync(`${home}/ctl`);
  const { started, directory } = await startTsvde(['-M', `${home}/ctl/mgmt`, '--dirmode', '755'], { cwd: home });
  expect(statSync(directory).mode & 0o777).toBe(0o755);
  await ConsoleClient.connect(`${directory}/mgmt`);
  await started.stop();
  expect(readdirSync(home)).toEqual([]);
});

test('a pid file of a live switch stops the start, and a stale pid file is replaced', async () => {
  const home = temporaryDirectory();
  const args = (name: string) => ['-s', `${home}/${name}`, '-p', `${home}/pid`];
  const first = start(tsvde, args('one'));
  await until(() => existsSync(`${home}/pid`), 'the pid file');
  expect(await run(tsvde, ['-d', ...args('two')])).toMatchObject({
    code: 1,
    stderr: `tsvde: Error in pidfile creation: '${home}/pid': File exists, and is not the pid file of a dead process\n`,
  });
  expect(readFileSync(`${home}/pid`, 'utf8')).toBe(`${first.pid}\n`);
  await first.stop('SIGKILL');
  const threads = start(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("there")']);
  await threads.output(/there/);
  const thread = readdirSync(`/proc/${threads.pid}/task`).find((id) => id !== String(threads.pid));
  for (const stale of [`${first.pid}\n`, `${first.pid}`, `${thread}\n`, '', ' \n']) {
    writeFileSync(`${home}/pid`, stale);
    const next = start(tsvde, args('two'));
    await until(
      () => readFileSync(`${home}/pid`, 'utf8') === `${next.pid}\n`,
      `the pid of the new switch instead of '${stale}'`,
    );
    await next.stop();
    expect(existsSync(`${home}/pid`)).toBe(false);
  }
});

test.each([
  ['in the foreground', []],
  ['as a daemon', ['-d']],
])('a pid file that names any live process stops the start, %s', async (_, flags) => {
  const home = temporaryDirectory();
  const sleeper = start('sleep', ['60']);
  writeFileSync(`${home}/pid`, `${sleeper.pid}\n`);
  expect(await run(tsvde, [...flags, '-s', `${home}/ctl`, '-p', `${home}/pid`])).toMatchObject({
    code: 1,
    stderr: `tsvde: Error in pidfile creation: '${home}/pid': File exists, and is not the pid file of a dead process\n`,
  });
  expect(readFileSync(`${home}/pid`, 'utf8')).toBe(`${sleeper.pid}\n`);
  expect(readdirSync(home)).toEqual(['pid']);
});

test('a stale pid file with the pid of the new switch, as after a container restart, is replaced', async () => {
  const home = temporaryDirectory();
  const line = 'echo $$ >pid; exec "$1" -s ctl -p pid';
  const started = start('sh', ['-c', line, 'sh', tsvde], { cwd: home });
  await until(() => existsSync(`${home}/ctl/ctl`) && existsSync(`${home}/pid`), 'a switch');
  await started.stop();
  expect(readdirSync(home)).toEqual([]);
});

test('the pid file is never written through a symbolic link', async () => {
  const home = temporaryDirectory();
  writeFileSync(`${home}/victim`, 'text');
  symlinkSync('victim', `${home}/link`);
  expect(await run(tsvde, ['-s', `${home}/ctl`, '-p', `${home}/link`])).toMatchObject({ code: 1 });
  const line = 'ln -s victim "pid.$$"; exec "$1" -s ctl -p pid';
  const started = start('sh', ['-c', line, 'sh', tsvde], { cwd: home });
  await until(() => existsSync(`${home}/pid`), 'the pid file');
  expect(readFileSync(`${home}/pid`, 'utf8')).toBe(`${started.pid}\n`);
  await started.stop();
  expect(readFileSync(`${home}/victim`, 'utf8')).toBe('text');
  expect(readdirSync(home).sort()).toEqual(['link', `pid.${started.pid}`, 'victim']);
});

test('a pid file with another pid and foreign files stay when the switch ends', async () => {
  const home = temporaryDirectory();
  const started = start(tsvde, ['-s', `${home}/ctl`, '-p', `${home}/pid`]);
  await until(() => existsSync(`${home}/pid`), 'the pid file');
  writeFileSync(`${home}/pid`, '1\n');
  mkdirSync(`${home}/ctl/mine`);
  await started.stop();
  expect(readFileSync(`${home}/pid`, 'utf8')).toBe('1\n');
  expect(readdirSync(`${home}/ctl`), 'files that the switch did not make').toEqual(['mine']);
});

test('a switch that ends leaves the directory and the sockets of its successor', async () => {
  const home = temporaryDirectory();
  const names = ['ctl', 'mgmt', 'metrics', 'stream'];
  const args = ['-M', `${home}/mgmt`, '--metrics', `unix:${home}/metrics`];
  const listening = ['--port', `stream,server=on,addr.type=unix,addr.path=${home}/stream`];
  const first = await startTsvde([...args, ...listening], { cwd: home });
  await Recorder.join(first.directory);
  for (const name of names) rmSync(`${home}/${name}`, { recursive: true });
  const second = await startTsvde([...args, ...listening], { cwd: home });
  const [a, b] = [await Recorder.join(second.directory), await Recorder.join(second.directory)];
  const inodes = () => [...names, 'ctl/ctl', 'ctl/001.1', 'ctl/002.2'].map((name) => statSync(`${home}/${name}`).ino);
  const before = inodes();
  first.started.signal('SIGTERM');
  expect(await first.started.exited).toEqual({ code: 0, signal: null });
  expect(inodes()).toEqual(before);
  a.send(frame(BROADCAST, '02:00:00:00:00:0a', 100));
  await b.receives(frame(BROADCAST, '02:00:00:00:00:0a', 100));
  await second.started.stop();
  expect(readdirSync(home)).toEqual([]);
});
