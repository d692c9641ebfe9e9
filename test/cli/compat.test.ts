// Under vde_switch's own name: found as it is found, as lenient as it is, and driven as programs drive it.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { compat, endPid, isRunning, run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const vdeSwitch = compat('vde_switch');
const pathWithOurs = async () => `${(await run(tsvde, ['--compat-path'])).stdout.trim()}:${process.env.PATH}`;

async function daemon(args: readonly string[], pidFile: string): Promise<number> {
  expect(await run(vdeSwitch, args)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  const pid = Number(readFileSync(pidFile, 'utf8'));
  atEnd(() => endPid(pid, 'SIGKILL'));
  return pid;
}

describeWith(['pidof', 'pgrep', 'sh'], 'the name', () => {
  test('on the PATH by --compat-path; found by pidof, pgrep -x and pgrep -f, as its parent typed it', async () => {
    const home = temporaryDirectory();
    const env = { ...process.env, PATH: await pathWithOurs() };
    const line = `vde_switch -daemon -sock ${home}/ctl -p ${home}/pid`;
    expect(await run('sh', ['-c', line], { env })).toMatchObject({ code: 0, stderr: '' });
    const pid = readFileSync(`${home}/pid`, 'utf8').trim();
    atEnd(() => endPid(Number(pid), 'SIGKILL'));
    expect((await run('pidof', ['vde_switch'])).stdout.split(/\s+/)).toContain(pid);
    expect((await run('pgrep', ['-x', 'vde_switch'])).stdout.split('\n')).toContain(pid);
    expect((await run('pgrep', ['-f', `vde_switch.*-sock ${home}/ctl`])).stdout).toBe(`${pid}\n`);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '').split('\0')).toEqual(line.split(' '));
    await endPid(Number(pid));
    expect(existsSync(`${home}/ctl`)).toBe(false);
  });
});

describe('what vde_switch forgives', () => {
  test.each([
    ['an unknown option', ['--no-such-thing'], "unknown option '--no-such-thing'"],
    ['a number that is none', ['-n', 'many'], "'many' is not a number"],
    ['a mode that is none', ['-m', 'rw'], "'rw' is not a mode"],
    ['a TAP that cannot be', ['-t', 'a/b'], "cannot attach the TAP 'a/b'"],
    ['an rc file that is not there', ['-f', '/nowhere/rc'], "cannot open '/nowhere/rc'"],
    ['a console path that cannot be', ['-M', '/nowhere/mgmt'], "Could not bind to socket '/nowhere/mgmt'"],
  ])('%s: it says so, and goes on', async (_, args, message) => {
    const directory = `${temporaryDirectory()}/ctl`;
    const started = start(vdeSwitch, ['-s', directory, ...args]);
    await until(
      () => accepts(`${directory}/ctl`),
      () => `a switch, which says: ${started.stderr()}`,
    );
    await started.output(/\n/);
    expect(started.stderr()).toContain(`vde_switch: ${message}`);
    started.stdin.write('port/showinfo\n');
    await started.output(/Numports=32/);
    expect(statSync(`${directory}/ctl`).mode & 0o777).toBe(0o600);
    await started.stop();
  });

  test.each([
    [['-h'], 1, /^Usage: vde_switch/],
    [['/tmp/my.ctl'], 1, /^Usage: vde_switch/],
    [['-v'], 0, /^VDE 2\.3\./],
  ])('%j ends with %i, and says it on stdout', async (args, code, stdout) => {
    const result = await run(vdeSwitch, args);
    expect(result).toMatchObject({ code, stderr: '' });
    expect(result.stdout).toMatch(stdout);
  });
});

describe('programs that start it', () => {
  test('docker-vde-plugin: stdin held open, alive after a while; closing it is the end', async () => {
    const home = temporaryDirectory();
    const started = start(vdeSwitch, ['--sock', `${home}/S`, '--mgmt', `${home}/M`, '--numports', '8']);
    await until(() => accepts(`${home}/M`), 'its console');
    expect(started.running).toBe(true);
    started.stdin.end();
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(`${home}/S`) || existsSync(`${home}/M`)).toBe(false);
  });

  test('picoTCP: -hub and -x; its end by a command on the console', async () => {
    const home = temporaryDirectory();
    const args = ['-s', `${home}/pic0.ctl`, '-m', '777', '-M', `${home}/mgmt`, '-d', '-hub', '-x', '-p', `${home}/pid`];
    const pid = await daemon(args, `${home}/pid`);
    const console = await ConsoleClient.connect(`${home}/mgmt`);
    console.socket.write('shutdown'); // as unixcmd does: without a newline
    await until(() => !isRunning(pid), 'its end');
    expect(existsSync(`${home}/pic0.ctl`)).toBe(false);
  });

  test('ktest: commands come from a pipe that stays open', async () => {
    const home = temporaryDirectory();
    const line = `mkfifo fifo; exec 3<>fifo; cat fifo | ${vdeSwitch} -sock net`;
    const shell = start('sh', ['-c', line], { cwd: home });
    await until(
      () => accepts(`${home}/net/ctl`),
      () => `net, ${shell.stderr()}`,
    );
    const plug = await Plug.connect(`${home}/net`);
    plug.close();
    const [pid] = (await run('pgrep', ['-f', 'vde_switch -sock net'])).stdout.trim().split('\n').slice(-1);
    await endPid(Number(pid));
    await until(() => !existsSync(`${home}/net`), 'its clean-up');
    await shell.stop('SIGKILL');
  });

  test('86Box: rights for everybody; 65535 rights of its own socket are its business', async () => {
    const home = temporaryDirectory();
    const args = [
      '--mode',
      '666',
      '--numports',
      '8',
      '--mgmt',
      `${home}/mgmt`,
      '--mgmtmode',
      '666',
      '-s',
      `${home}/ctl`,
    ];
    const started = start(vdeSwitch, args);
    await until(() => accepts(`${home}/mgmt`), 'its console');
    expect(statSync(`${home}/ctl/ctl`).mode & 0o777).toBe(0o666);
    expect(statSync(`${home}/mgmt`).mode & 0o777).toBe(0o666);
    await started.stop();
  });

  test('OpenMesh: an rc file with a command that nobody knows', async () => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/colourful.rc`, 'port/create 1\nport/setcolourful 1\nport/create 2\n');
    const args = ['--hub', '--sock', 'num1.ctl', '-f', 'colourful.rc'];
    const started = start(vdeSwitch, args, { cwd: home });
    await until(() => accepts(`${home}/num1.ctl/ctl`), 'its control socket');
    started.stdin.write('port/allprint\n');
    await started.output(/Port 0001 [\s\S]*Port 0002 /);
    await started.stop();
  });

  test('a systemd unit of type forking: group, mode, no pid file', async () => {
    const home = temporaryDirectory();
    const args = ['-daemon', '-mod', '660', '-group', 'users', '-sock', `${home}/ctl`, '-p', `${home}/pid`];
    const pid = await daemon(args, `${home}/pid`);
    expect(statSync(`${home}/ctl/ctl`)).toMatchObject({ gid: 100 });
    await endPid(pid);
  });
});
