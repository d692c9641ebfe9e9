// The privileges of the program with libslirp, as the kernel shows them, and the outcome of each forbidden action.
// The actions are tried by test/support/fake-slirp.c, which stands for a libslirp that a guest has taken over.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { StackProcess } from '../../src/backends/user/stack-process.ts';
import { native } from '../../src/system/native.ts';
import { describeWith } from '../support/needs.ts';
import { isRunning, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const { EACCES, EAFNOSUPPORT, ENOENT, EPERM } = constants.errno;
const SOURCE = fileURLToPath(new URL('../support/fake-slirp.c', import.meta.url));

/** The fields of /proc/PID/status. */
function status(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').trimEnd().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/:\s+(.*)/s).slice(0, 2)));
}

function children(pid: number): { pid: number; name: string }[] {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return pids
    .filter(Boolean)
    .map((pid) => ({ pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() }));
}

const CONFINED = { CapInh: /^0+$/, CapPrm: /^0+$/, CapEff: /^0+$/, CapBnd: /^0+$/, CapAmb: /^0+$/, NoNewPrivs: /^1$/, Seccomp: /^2$/ }; // biome-ignore format: a row

describeWith(['root'], 'the stack of a switch of root', () => {
  test('runs as nobody, without capabilities, in namespaces of its own, and sees no other file', async () => {
    const { started } = await startTsvde(['--port', 'user']);
    const [stack] = children(started.pid).filter(({ name }) => name === 'tsvde-slirp');
    const found = status(stack!.pid);
    for (const [field, expected] of Object.entries(CONFINED)) expect([field, found[field]]).toEqual([field, expect.stringMatching(expected)]); // biome-ignore format: a row
    expect([found.Uid, found.Gid, found.Groups?.trim()]).toEqual([...Array(2).fill('65534\t65534\t65534\t65534'), '']);
    const inode = (pid: number, space: string) => execFileSync('readlink', [`/proc/${pid}/ns/${space}`], { encoding: 'utf8' }); // biome-ignore format: a row
    for (const space of ['user', 'mnt', 'ipc', 'uts'])
      expect(inode(stack!.pid, space)).not.toBe(inode(process.pid, space));
    expect(execFileSync('ls', [`/proc/${stack!.pid}/root/`], { encoding: 'utf8' })).toMatch(/^etc\n(run\n)?$/);
    expect(started.stderr()).not.toContain('confinement');
  });

  test('without a program or unix socket to forward to, no helper runs; with one, it outlives no stack', async () => {
    const target = `${temporaryDirectory()}/socket`;
    const { started } = await startTsvde(['--port', `user,id=a`, '--port', `user,id=b,guestfwd=tcp::5-unix:${target}`]);
    const stacks = children(started.pid).filter(({ name }) => name === 'tsvde-slirp');
    const helpers = stacks.flatMap(({ pid }) => children(pid));
    expect([stacks.length, helpers.map(({ name }) => name)]).toEqual([2, ['tsvde-helper']]);
    const helper = helpers[0]!.pid;
    process.kill(helper, 'SIGKILL');
    await started.output(/b: the user-mode stack died: it ended with exit code 1; .* being restarted/);
    const again = await until(
      () => children(started.pid).flatMap(({ pid }) => children(pid)).find(({ name }) => name === 'tsvde-helper'), // biome-ignore format: a row
      'another helper',
    );
    await started.stop('SIGKILL');
    await until(() => !isRunning(again.pid), 'the end of the helper');
  });
});

describeWith(['root', 'setpriv'], 'the stack of a switch of another user', () => {
  test('keeps that user, and is confined in the same way', async () => {
    const home = temporaryDirectory();
    chmodSync(home, 0o777);
    const user = ['--reuid', '12345', '--regid', '12345', '--clear-groups'];
    const words = [...user, tsvde, '-s', `${home}/ctl`, '--nostdin', '--port', 'user', '--ready-fd', '3'];
    const started = start('setpriv', words, { tellsReady: true });
    await started.ready;
    const [stack] = children(started.pid).filter(({ name }) => name === 'tsvde-slirp');
    const found = status(stack!.pid);
    for (const [field, expected] of Object.entries(CONFINED)) expect([field, found[field]]).toEqual([field, expect.stringMatching(expected)]); // biome-ignore format: a row
    expect(found.Uid).toBe('12345\t12345\t12345\t12345');
  });
});

describeWith(['root', 'cc'], 'a libslirp in which a guest executes code', () => {
  const home = temporaryDirectory();
  const tftp = `${home}/tftp`;

  beforeAll(() => {
    execFileSync('cc', ['-shared', '-fPIC', '-w', '-o', `${home}/libslirp.so.0`, SOURCE]);
    mkdirSync(tftp);
    writeFileSync(`${tftp}/file`, 'for guests');
    writeFileSync(`${home}/secret`, 'not for guests');
  });

  /** Resolves with 0, with the errno of what the library tried, or with how the process ended. */
  async function outcome(what: string): Promise<number | string> {
    vi.stubEnv('LD_LIBRARY_PATH', home);
    vi.stubEnv('TRY', what);
    const [ours, frames] = native.datagramPair(4096);
    onTestFinished(() => void [ours, frames].map((fd) => native.closeDescriptor(fd)));
    let report: (result: number | string) => void = () => {};
    const result = new Promise<number | string>((resolve) => {
      report = resolve;
    });
    const settings = ['ipv4=on', 'net=10.0.2.0', 'mask=255.255.255.0', 'host=10.0.2.2', 'dns=10.0.2.3', `tftp=${tftp}`];
    const stack = await StackProcess.start(settings, frames, {
      complained: (line) => report(Number(/^RESULT (\d+)$/.exec(line)?.[1] ?? Number.NaN)),
      told: (word, rest) => report(`${word} ${rest}`),
      died: report,
    });
    vi.unstubAllEnvs();
    const seen = await result;
    await stack.end();
    return seen;
  }

  test.each([
    ['read file', 0],
    ['internet', 0],
    ['bind 0', 0],
    ['bind 54321', EACCES],
    ['bind 80', EACCES],
    ['read /proc/self/environ', ENOENT],
    ['read ../secret', ENOENT],
    [`read ${home}/secret`, ENOENT],
    ['read /etc/shadow', EACCES],
    ['read /etc/../usr/bin/env', ENOENT],
    ['write new', EACCES],
    ['write file', EACCES],
    ['write /etc/new', EACCES],
    ['unix', EAFNOSUPPORT],
    ['netlink', EAFNOSUPPORT],
    ['packet', EAFNOSUPPORT],
    ['raw', EPERM],
  ])('%s gives %i', async (what, errno) => {
    expect(await outcome(what)).toBe(errno);
  });

  test.each(['exec', 'fork', 'ptrace', 'kill', 'setuid', 'unshare', 'chmod', 'unlink', 'prctl', 'mmap', 'mprotect'])(
    // biome-ignore format: a row
    '%s ends the process',
    async (what) => {
      expect(await outcome(what)).toBe('it ended with SIGSYS');
    },
  );

  test('an abstract socket of another process cannot be reached', async () => {
    const name = `tsvde-test-${process.pid}`;
    const server = createServer().listen(`\0${name}`);
    onTestFinished(() => void server.close());
    expect(await outcome(`abstract ${name}`)).not.toBe(0);
  });
});
