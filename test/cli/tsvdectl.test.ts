// tsvdectl as scripts run it: data on stdout, the errno as the exit code, on our console and on vde_switch's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Console, consoles } from '../support/consoles.ts';
import { describeWith } from '../support/needs.ts';
import { compat, run, start, tsvde, tsvdectl, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const KINDS = Object.keys(consoles) as (keyof typeof consoles)[];
/** The messages of errors on each console; those of tsvde say what is wrong. */
const SAID = {
  tsvde: {
    exists: 'port 3 exists already (EEXIST)',
    none: 'there is no port 9 (ENXIO)',
    invalid: 'VLAN -1 is not one of 0 to 4094 (EINVAL)',
    unknown: "there is no command 'nonsense'; help lists the commands (ENOSYS)",
  },
  vde_switch: {
    exists: 'File exists',
    none: 'No such device or address',
    invalid: 'Invalid argument',
    unknown: 'Function not implemented',
  },
};
const ctl = ({ path }: Console, ...args: string[]) => run(tsvdectl, ['-M', path, ...args]);

/** Runs tsvdectl with commands on stdin. */
async function piped({ path }: Console, input: string, ...args: string[]) {
  const started = start(tsvdectl, ['-M', path, ...args]);
  started.stdin.end(input);
  const { code } = await started.exited;
  return { code, stdout: started.stdout(), stderr: started.stderr() };
}

describeWith(['vde_switch', 'root'], 'tsvdectl in a script', () => {
  test.each(KINDS)('a command on %s prints its data and exits with 0 or its errno', async (kind) => {
    const console = await consoles[kind]();
    const said = SAID[kind];
    const told = (code: number, stdout = '', stderr = '') => ({ code, signal: null, stdout, stderr });
    expect(await ctl(console, 'port/showinfo')).toEqual(
      told(0, expect.stringMatching(/^Numports=\d+\nHUB=false\ncounters=true\n$/) as unknown as string),
    );
    expect(await ctl(console, 'port/create', '3')).toEqual(told(0));
    expect(await ctl(console, 'port/create', '3')).toEqual(told(17, '', `tsvdectl: port/create 3: ${said.exists}\n`));
    expect(await ctl(console, 'port/create 3')).toEqual(told(17, '', `tsvdectl: port/create 3: ${said.exists}\n`));
    expect(await ctl(console, '--ignore', 'ENXIO,EEXIST', 'port/create', '3')).toEqual(told(0));
    expect(await ctl(console, '--ignore', '6, 17', 'port/create', '3')).toEqual(told(0));
    expect(await ctl(console, '--ignore', 'ENXIO', 'port/create', '3')).toMatchObject({ code: 17 });
    expect(await ctl(console, 'port/setvlan', '3', '-1')).toEqual(
      told(22, '', `tsvdectl: port/setvlan 3 -1: ${said.invalid}\n`),
    );
    expect(await ctl(console, 'nonsense')).toEqual(told(38, '', `tsvdectl: nonsense: ${said.unknown}\n`));
    expect(await ctl(console, 'logout')).toEqual(told(0));
    expect(await ctl(console, 'shutdown')).toEqual(told(0));
    await until(() => !existsSync(console.path), 'the end of the switch');
  });

  test.each(KINDS)('lines from stdin run in order on %s, and the first error is the exit code', async (kind) => {
    const console = await consoles[kind]();
    const input = '# ports\nport/create 3\nport/create 3\n\nvlan/create 7\r\nport/print 9\nvlan/print 7';
    expect(await piped(console, input)).toEqual({
      code: 17,
      stdout: 'VLAN 0007\n',
      stderr: `tsvdectl: port/create 3: ${SAID[kind].exists}\ntsvdectl: port/print 9: ${SAID[kind].none}\n`,
    });
    expect(await piped(console, 'port/remove 3\n')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await piped(console, 'logout\nport/create 4\n')).toMatchObject({ code: 0 });
    expect(await ctl(console, 'port/allprint 4')).toMatchObject({ code: 6 });
  });

  test.each(KINDS)('debug lines of %s are printed between the replies', async (kind) => {
    const console = await consoles[kind]();
    const { stdout } = await piped(console, 'debug/add port\nport/create 3\nport/create 3\nport/allprint 3\n');
    expect(stdout).toMatch(/^3021 port\/\+ 03\nPort 0003 /);
  });

  test.each(KINDS)("load on %s prints the script's transcript", async (kind) => {
    const console = await consoles[kind]();
    const file = `${temporaryDirectory()}/s`;
    writeFileSync(file, 'port/create 3\nport/create 3\nds/showinfo\n');
    expect(await ctl(console, 'load', file)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        `^vde\\[${file}\\]: port/create 3\n1000 Success\nvde\\[${file}\\]: port/create 3\n1017 ${SAID[kind].exists.replace(/[()]/g, '\\$&')}\nvde\\[${file}\\]: ds/showinfo\nctl dir .*\nstd mode 0600\n1000 Success\n$`,
      ),
    });
    expect(await ctl(console, 'load', '/nowhere')).toMatchObject({ code: 2, stdout: '' });
  });

  test('--json prints one line for each reply, and is refused with a sentence on vde_switch', async () => {
    const ours = await consoles.tsvde();
    const { code, stdout } = await ctl(ours, '--json', 'port/create', '99');
    expect(code).toBe(22);
    expect(JSON.parse(stdout)).toMatchObject({ code: 1022, errno: 'EINVAL', data: null });
    const lines = (await piped(ours, 'showinfo\nvlan/print\nnonsense\n', '--json')).stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).code)).toEqual([1000, 1000, 1038]);
    expect(await ctl(await consoles.vde_switch(), '--json', 'showinfo')).toMatchObject({
      code: 38,
      stdout: '',
      stderr: expect.stringMatching(/^tsvdectl: the console on '.*' has no JSON, .*\(VDE switch V\.2\.3\.2\)/),
    });
  });

  test('the end of the switch ends tsvdectl while its stdin is open', async () => {
    const { path, ask } = await consoles.tsvde();
    const started = start(tsvdectl, ['-M', path]);
    started.stdin.write('debug/add port\nport/create 3\n');
    await started.output(/3021 port/);
    void ask('shutdown');
    expect(await started.exited).toEqual({ code: 255, signal: null });
    expect(started.stderr()).toBe(`tsvdectl: '${path}' has closed the connection\n`);
  });

  test('a reader that closes the pipe early is not an error, and a reader that stays gets all data', async () => {
    const { path, ask } = await consoles.tsvde();
    for (let i = 0; i < 30; i++) await ask('port/createauto');
    const line = `for i in $(seq 400); do echo port/allprint; done | ${tsvdectl} -M ${path} | head -1`;
    const cut = await run('sh', ['-c', line]);
    expect(cut).toMatchObject({ code: 0, stderr: '' });
    expect(cut.stdout).toMatch(/^Port 0001 .*\n$/);
    const all = await piped({ path, ask }, 'port/allprint\n'.repeat(400));
    expect(all.stdout.match(/^Port 0030/gm)).toHaveLength(400);
  });
});

test.each([
  ['tsvdectl', tsvdectl, [], 255],
  ['tsvde plug', tsvde, ['plug'], 2],
  ['tsvdeq', tsvdeq, [], 2],
])('%s exits with its usual code after the reader of its stderr has gone', async (_, program, words, code) => {
  const child = spawn(program, [...words, '--no-such-option'], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.destroy();
  expect(await once(child, 'exit')).toEqual([code, null]);
});

test('tsvdectl ends only when a slow reader has got all of its errors', async () => {
  const { path, ask } = await consoles.tsvde();
  const cwd = temporaryDirectory();
  await run('mkfifo', [`${cwd}/go`]);
  writeFileSync(`${cwd}/script`, `${'nonsense\n'.repeat(3000)}port/create 9\n`); // the errors do not fit into a pipe
  const line = `${tsvdectl} -M ${path} <script 2>&1 >/dev/null | { read -r _ <go; wc -l; }`;
  const started = start('sh', ['-c', line], { cwd });
  await until(async () => (await ask('port/allprint')).includes('Port 0009'), 'the last command', 20_000);
  writeFileSync(`${cwd}/go`, '\n');
  await started.exited;
  expect(started.stdout()).toBe('3000\n');
});

describe('errors of tsvdectl', () => {
  test.each([
    ['tsvdectl', tsvdectl, '--json -M'],
    ['tsvdectl', tsvdectl, '-M'],
    ['vdecmd', compat('vdecmd'), '-s'],
    ['vdeterm', compat('vdeterm'), ''],
  ])('a full output is an error of %s (%#)', async (name, program, options) => {
    const { path } = await consoles.tsvde();
    const line = `echo port/showinfo | ${program} ${options} ${path} port/showinfo >/dev/full`;
    expect(await run('sh', ['-c', line])).toMatchObject({
      code: 255,
      stderr: `${name}: cannot write to standard output: No space left on device\n`,
    });
  });

  test.each([
    [['--nonsense'], /unknown option '--nonsense'/],
    [['--ignore', 'EEXISTS', 'showinfo'], /'EEXISTS' is not an errno/],
    [['--timeout', '-1', 'showinfo'], /'-1' is not a valid timeout/],
    [['-M'], /argument missing/],
    [
      ['-M', '/nowhere/mgmt', 'showinfo'],
      /^tsvdectl: cannot connect to '\/nowhere\/mgmt': no such file or directory\n$/,
    ],
    [['-M', '/', 'showinfo'], /it is not a socket/],
  ])('%j is refused with one sentence', async (args, stderr) => {
    const result = await run(tsvdectl, args);
    expect(result).toMatchObject({ code: 255, stdout: '' });
    expect(result.stderr).toMatch(stderr);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describeWith(['unshare', 'root'], 'tsvdectl without -M', () => {
  /** Runs a script in its own PID and mount namespaces, where only the switches of the script run. */
  async function isolated(script: string, ...alsoIsolated: string[]) {
    const home = temporaryDirectory();
    const lines = [
      'set -e',
      `cd ${home}`,
      `PATH=${fileURLToPath(new URL('../../bin', import.meta.url))}:$PATH`,
      script,
    ];
    const args = [...alsoIsolated, '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '-c', lines.join('\n')];
    return { home, ...(await run('unshare', args)) };
  }

  test('the only running switch is found, in whatever form its socket was named', async () => {
    const elsewhere = temporaryDirectory(); // in another PID namespace and the same network namespace
    await startTsvde(['-M', `${elsewhere}/mgmt`], { cwd: elsewhere });
    const { stdout, stderr } = await isolated(`
      for options in "--mgmt=$PWD/mgmt" "-xM mgmt" "-mgmt ./mgmt"; do
        tsvde -d -s $PWD/ctl -p $PWD/pid $options
        tsvdectl ds/showinfo | grep -c std
        kill $(cat pid); while [ -e ctl ]; do sleep 0.01; done
      done`);
    expect({ stdout, stderr }).toEqual({ stdout: '1\n'.repeat(3), stderr: '' });
  });

  test('vde_switch is found too; no switch and several switches are errors', async () => {
    const { home, stdout, stderr } = await isolated(`
      tsvdectl showinfo || echo $?
      vde_switch -d -s ctl -M $PWD/one
      until [ -S one ]; do sleep 0.01; done
      tsvdectl showinfo | head -1
      tsvde -d -s ours -M two
      tsvdectl showinfo || echo $?
      tsvdectl -M two shutdown; tsvdectl shutdown`);
    expect(stdout).toBe('255\nVDE switch V.2.3.2\n255\n');
    expect(stderr).toBe(
      'tsvdectl: no switch with a management socket was found here: name one with -M SOCK\n' +
        `tsvdectl: several switches run here; name one with -M:\n  ${home}/one\n  ${home}/two\n`,
    );
  });

  test('findConsoles needs no permissions', async () => {
    const finder = fileURLToPath(new URL('../../dist/ctl/find-console.js', import.meta.url));
    const { home, stdout, stderr } = await isolated(
      `
      chmod 755 .
      tsvde -d -s $PWD/ctl -M mgmt -p $PWD/pid
      node --input-type=module -e "
        const { findConsoles } = await import('${finder}');
        process.setgroups([]); process.setgid(65534); process.setuid(65534);
        console.log(findConsoles().join());"
      kill $(cat pid)`,
      // A network namespace of its own: without permissions, findConsoles knows the switch's sockets only by their
      // names, and could take a socket that another test has bound for one of them.
      '--net',
    );
    expect({ stdout, stderr }).toEqual({ stdout: `${home}/mgmt\n`, stderr: '' });
  });
});
