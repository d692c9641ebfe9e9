// tsvde doctor: what it finds on machines that lack something, and its exit status.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { checkLimits, checkPing, checkTun } from '../../src/cli/doctor/kernel.ts';
import { checkQemu } from '../../src/cli/doctor/qemu.ts';
import {
  checkConsole,
  checkDirectory,
  checkPidFile,
  findDirectories,
  findPidFiles,
} from '../../src/cli/doctor/sockets.ts';
import { describeWith } from '../support/needs.ts';
import { run, tsvde } from '../support/process.ts';
import { staleSocket } from '../support/stale-socket.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

/** Runs `tsvde doctor --json`. */
async function doctor(...args: string[]): Promise<{ code: number | null; findings: Finding[] }> {
  const { code, stdout, stderr } = await run(tsvde, ['doctor', '--json', ...args]);
  expect(stderr).toBe('');
  return { code, findings: JSON.parse(stdout) };
}

test('finds nothing wrong with a running switch, and says who may join', async () => {
  const { home, directory } = await startTsvde(['--nostdin', '--mgmt', 'mgmt', '--mode', '666', '-p', 'pid'], {
    cwd: temporaryDirectory(),
  });
  const { code, findings } = await doctor('-s', directory, '-M', `${home}/mgmt`, '-p', `${home}/pid`);
  expect(code, JSON.stringify(findings)).toBe(0);
  expect(findings.filter(({ check }) => check === 'sockets').map(({ status, text }) => [status, text])).toEqual([
    ['ok', `a switch serves '${directory}'; every user may join`],
    ['ok', expect.stringMatching(/^a console is served on '.*\/mgmt'; only .*root may use it$/)],
    ['ok', expect.stringMatching(/^'.*\/pid' names process \d+, which runs$/)],
  ]);
  expect(new Set(findings.map(({ check }) => check))).toEqual(
    new Set(['switch', 'tun', 'qemu', 'libslirp', 'ping', 'libpcap', 'limits', 'sockets']),
  );
});

test('finds what a killed switch left behind, and exits with 1', async () => {
  const { started, home, directory } = await startTsvde(['--nostdin', '--mgmt', 'mgmt', '-p', 'pid'], {
    cwd: temporaryDirectory(),
  });
  await started.stop('SIGKILL');
  const { code, findings } = await doctor('sockets', '-s', directory, '-M', `${home}/mgmt`, '-p', `${home}/pid`);
  expect(code).toBe(1);
  expect(findings.map(({ status, remedy }) => [status, remedy])).toEqual([
    ['wrong', `rm -r ${directory}, or start a switch there again, which replaces it`],
    ['wrong', `rm ${home}/mgmt, or start the switch again`],
    ['wrong', `rm ${home}/pid, or start the switch again`],
  ]);
});

test('shows each remedy below its finding', async () => {
  const { code, stdout } = await run(tsvde, ['doctor', 'sockets', '--sock', `/tmp/${'x'.repeat(100)}`]);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^!! {2}sockets {3}the directory '\/tmp\/x+' has 105 bytes: .*\n {14}→ give --sock a shorter path\n$/,
  );
});

test.each([
  [['nonsense'], /^tsvde doctor: there is no check 'nonsense': there are switch, tun, /],
  [['--nonsense'], /^tsvde doctor: unknown option '--nonsense'/],
])('refuses %j', async (args, message) => {
  const { code, stderr } = await run(tsvde, ['doctor', ...args]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test('a check that is named must lack nothing', async () => {
  const env = { ...process.env, PATH: '/nonexistent' };
  const { code, stdout } = await run(process.execPath, [tsvde, 'doctor', 'qemu'], { env });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^-- {2}qemu {6}no QEMU is on the PATH\n +→ install qemu-system-x86/);
});

describe('QEMU', () => {
  function qemu(home: string, name: string, ...backends: string[]): void {
    const script = `#!/bin/sh\n[ $1 = -version ] && echo QEMU emulator version 6.1.0 || printf '%s\\n' heading ${backends.join(' ')}\n`;
    writeFileSync(`${home}/${name}`, script, { mode: 0o755 });
  }

  test('a QEMU without a backend is named, with what to do instead', () => {
    const home = temporaryDirectory();
    qemu(home, 'qemu-system-a', 'vde', 'stream', 'dgram', 'vhost-user');
    qemu(home, 'qemu-system-b', 'socket', 'vhost-user');
    qemu(home, 'qemu-img', 'vde');
    expect(checkQemu(`${home}:/nonexistent`)).toEqual([
      { status: 'ok', text: `${home}/qemu-system-a 6.1.0 has vde, stream, dgram, vhost-user` },
      {
        status: 'lacking',
        text: `${home}/qemu-system-b 6.1.0 has vhost-user; it lacks vde, stream, dgram`,
        remedy: expect.stringMatching(/^vde: .*tsvdeq.*; stream: use QEMU 7\.2 .*; dgram: use QEMU 7\.2/),
      },
    ]);
  });

  test('a program that is not QEMU is named', () => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/kvm`, '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    expect(checkQemu(home)).toMatchObject([
      { status: 'lacking', text: `${home}/kvm does not answer -version and -netdev help` },
    ]);
  });
});

describe('the kernel', () => {
  test('a missing /dev/net/tun, and one that may not be opened', () => {
    const home = temporaryDirectory();
    expect(checkTun(`${home}/tun`)).toMatchObject([
      { status: 'lacking', remedy: expect.stringMatching(/^modprobe tun/) },
    ]);
    mkdirSync(`${home}/directory`);
    expect(checkTun(`${home}/directory`)).toMatchObject([
      { status: 'lacking', text: expect.stringContaining('Is a directory') },
    ]);
  });

  test.each([
    ['0\t2147483647\n', 'ok'],
    ['1\t0\n', 'lacking'],
  ])('a ping_group_range of %j is %s', (text, status) => {
    const file = `${temporaryDirectory()}/range`;
    writeFileSync(file, text);
    for (const uid of [0, 1000]) expect(checkPing(file, uid)).toMatchObject([{ status }]);
  });

  test('few open files are wrong, and a short queue of datagrams is lacking', () => {
    const home = temporaryDirectory();
    writeFileSync(
      `${home}/limits`,
      'Max open files            64                   128                  files\nMax locked memory         0                    unlimited            bytes\n',
    );
    writeFileSync(`${home}/queue`, '10\n');
    expect(checkLimits(`${home}/limits`, `${home}/queue`)).toMatchObject([
      { status: 'wrong', text: '128 files may be open, enough for about 64 clients' },
      { status: 'ok', text: 'any amount of memory may be locked' },
      { status: 'lacking', text: expect.stringContaining('at most 11 frames') },
    ]);
    writeFileSync(`${home}/queue`, '512\n');
    expect(checkLimits('/proc/self/limits', `${home}/queue`)[2]).toEqual({
      status: 'ok',
      text: 'max_dgram_qlen is 512',
    });
  });
});

describe('sockets', () => {
  test('directories and pid files are found by their usual names', () => {
    const home = temporaryDirectory();
    for (const name of ['lab-ctl', 'empty']) mkdirSync(`${home}/${name}`);
    staleSocket(`${home}/lab-ctl/ctl`);
    for (const name of ['lab.pid', 'tsvde@x.pid', 'other.pid']) writeFileSync(`${home}/${name}`, '1\n');
    const directories = findDirectories([home]).filter((path) => path.startsWith(home));
    expect(directories).toEqual([`${home}/lab-ctl`]);
    expect(findPidFiles(directories, [home]).sort()).toEqual([`${home}/lab.pid`, `${home}/tsvde@x.pid`]);
  });

  test('what is not a directory, a socket or a pid file is named', async () => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/file`, 'text');
    expect(await checkDirectory(`${home}/file`)).toMatchObject([
      { status: 'wrong', text: `'${home}/file' is not a directory` },
    ]);
    expect(await checkDirectory(`${home}/free`)).toMatchObject([{ status: 'ok' }]);
    expect(await checkConsole(`${home}/file`)).toMatchObject([
      { status: 'wrong', text: `'${home}/file' is not a socket` },
    ]);
    expect(await checkConsole(`${home}/none`)).toMatchObject([{ status: 'wrong' }]);
    expect(checkPidFile(`${home}/file`)).toMatchObject([{ status: 'wrong', text: `'${home}/file' has no process ID` }]);
    expect(checkPidFile(`${home}/none`)).toMatchObject([
      { status: 'wrong', text: expect.stringContaining('No such file') },
    ]);
  });
});

describeWith(['root', 'setpriv'], 'another user', () => {
  test('is told that only root may join', async () => {
    const { directory, home } = await startTsvde(['--nostdin']);
    chmodSync(home, 0o755);
    chmodSync(directory, 0o755);
    const root = new URL('../..', import.meta.url).pathname;
    // Other users may not be able to enter the directory of the checkout.
    const script =
      'mount -t tmpfs tmpfs /mnt; mkdir /mnt/tsvde; mount --bind "$1" /mnt/tsvde; shift; exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"';
    const command = [process.execPath, '/mnt/tsvde/bin/tsvde', 'doctor', 'sockets', '-s', directory];
    const { code, stdout } = await run('unshare', ['--mount', 'sh', '-c', script, 'sh', root, ...command]);
    expect(stdout).toMatch(
      /^!! {2}sockets {3}a switch serves '.*', but this user may not join: only root may join\n {14}→ start the switch with --group GROUP/,
    );
    expect(code).toBe(1);
  });
});
