// tsvde started as `vde_switch`: tools find the process by that name, and invalid options do not stop the start.
import { existsSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { compat, endPid, run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const vdeSwitch = compat('vde_switch');
const pathWithOurs = async () => `${(await run(tsvde, ['--compat-path'])).stdout.trim()}:${process.env.PATH}`;

describeWith(['pidof', 'pgrep', 'sh'], 'the name vde_switch', () => {
  test('pidof, pgrep -x and pgrep -f find a switch started from the --compat-path directory', async () => {
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

test.each(['one', 'two words', 'no) end (', ') 1 2 3'])('setArguments works in a process named `%s`', async (name) => {
  const dist = new URL('../../dist/system/process.js', import.meta.url);
  const script = `
    import { setArguments, setProcessName } from '${dist}';
    import { readFileSync } from 'node:fs';
    setProcessName('${name}');
    setArguments(['other', 'words']);
    process.stdout.write(readFileSync('/proc/self/cmdline', 'utf8').replace(/\\0+$/, ''));`;
  const shown = await run(process.execPath, ['--input-type=module', '-e', script]);
  expect(shown).toEqual({ code: 0, signal: null, stdout: 'other\0words', stderr: '' });
});

test('the executable is Node and the process name is vde_switch', async () => {
  const directory = `${temporaryDirectory()}/ctl`;
  const started = start(vdeSwitch, ['-s', directory]);
  await until(() => accepts(`${directory}/ctl`), 'a switch');
  expect(readFileSync(`/proc/${started.pid}/comm`, 'utf8')).toBe('vde_switch\n');
  expect(basename(readlinkSync(`/proc/${started.pid}/exe`))).toBe(basename(realpathSync(process.execPath)));
});

describe('options that vde_switch tolerates', () => {
  test.each([
    ['an unknown option', ['--no-such-thing'], "unknown option '--no-such-thing'"],
    ['an invalid number', ['-n', 'many'], "'many' is not a number"],
    ['an invalid mode', ['-m', 'rw'], "'rw' is not a mode"],
    ['a TAP that cannot be attached', ['-t', 'a/b'], "cannot attach the TAP 'a/b'"],
    ['a missing rc file', ['-f', '/nowhere/rc'], "cannot open '/nowhere/rc'"],
    ['a console path that cannot be bound', ['-M', '/nowhere/mgmt'], "Could not bind to socket '/nowhere/mgmt'"],
  ])('%s is reported and the start continues', async (_, args, message) => {
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
  ])('%j prints its text on stdout and exits with %i', async (args, code, stdout) => {
    const result = await run(vdeSwitch, args);
    expect(result).toMatchObject({ code, stderr: '' });
    expect(result.stdout).toMatch(stdout);
  });
});

describeWith(['vde_switch'], 'the -n option, compared with vde_switch', () => {
  test.each([['-1'], ['0'], ['-0x1'], ['-7', '-n', '-1']])('-n %j stops the start of both', async (...numbers) => {
    const args = ['-s', `${temporaryDirectory()}/ctl`, '-n', ...numbers];
    const [theirs, ours] = [await run('vde_switch', args), await run(vdeSwitch, args)];
    expect(ours).toMatchObject({ code: 1, stderr: 'vde_switch: The switch must have at least 1 port\n' });
    expect({ code: theirs.code, stderr: theirs.stderr.trim() }).toEqual({ code: 1, stderr: ours.stderr.trim() });
  });

  test.each([
    ['-1', '-n', '5'],
    ['-x', '-n', '5'],
  ])('the last -n overrides -n %j in both', async (...numbers) => {
    for (const program of ['vde_switch', vdeSwitch]) {
      const started = start(program, ['-s', `${temporaryDirectory()}/ctl`, '-n', ...numbers]);
      started.stdin.end('port/showinfo\n');
      expect(await started.exited).toEqual({ code: 0, signal: null });
      expect(started.stdout()).toContain('Numports=5');
    }
  });
});

describe('programs that start vde_switch', () => {
  test('docker-vde-plugin: the switch runs while stdin is open and exits when stdin is closed', async () => {
    const home = temporaryDirectory();
    const started = start(vdeSwitch, ['--sock', `${home}/S`, '--mgmt', `${home}/M`, '--numports', '8']);
    await until(() => accepts(`${home}/M`), 'the console');
    expect(started.running).toBe(true);
    started.stdin.end();
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(`${home}/S`) || existsSync(`${home}/M`)).toBe(false);
  });
});
