// Programs that start a switch: their exact command lines, and the output and files that they wait for before they use
// the switch.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { endPid, isRunning, run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const modeOf = (path: string) => statSync(path).mode & 0o7777;

test('NixOS: stdout begins with the reply to showinfo, and ctl exists by then', async () => {
  const directory = `${temporaryDirectory()}/vde1.ctl`;
  const started = start(tsvde, ['--sock', directory, '--dirmode', '0700', '--hub']);
  let thereBefore = false;
  started.onStdout(() => {
    thereBefore ||= existsSync(`${directory}/ctl`);
  });
  started.stdin.write('showinfo\n');
  await started.output(/1000 Success\n/);
  expect(thereBefore).toBe(true);
  expect(started.stdout()).toMatch(/^0000 DATA END WITH '\.'\nVDE switch V\.2\.3\.3[\s\S]*\n\.\n1000 Success\n/);
  expect(modeOf(directory)).toBe(0o700);
  started.stdin.end();
  started.signal('SIGTERM');
  expect(await started.exited).toEqual({ code: 0, signal: null });
  expect(existsSync(directory)).toBe(false);
});

/** NixOS's driver before 2025: stdin is a terminal, and stdout is a pipe, from which the driver reads one line. */
const OLD_NIXOS = `
import os, pty, subprocess, sys
program, directory, ending = sys.argv[1:]
master, slave = pty.openpty()
switch = subprocess.Popen([program, '-s', directory, '--dirmode', '0700', '--hub'],
                          stdin=slave, stdout=subprocess.PIPE, bufsize=1, universal_newlines=True)
os.close(slave)
os.write(master, b'version\\n')
print(switch.stdout.readline().strip(), os.path.exists(directory + '/ctl'))
switch.terminate() if ending == 'terminate' else os.close(master)
print(switch.wait(), os.path.exists(directory))
`;

describeWith(['python3'], "NixOS's driver before 2025", () => {
  test.each(['terminate', 'close the terminal'])('the driver can read one line and then %s', async (ending) => {
    const directory = `${temporaryDirectory()}/vde1.ctl`;
    const driver = await run('python3', ['-c', OLD_NIXOS, tsvde, directory, ending]);
    expect(driver.stdout, driver.stderr).toBe('1038 Function not implemented True\n0 False\n');
  });
});

test('Kathará: port 65535 can be joined when the command returns, also after kill -9 and rm -rf', async () => {
  const lab = `${temporaryDirectory()}/kt-0123456789ab`;
  const args = ['-n', '65535', '-x', '-d', '-s', `${lab}/ctl`, '-p', `${lab}/pid`];
  for (let round = 0; round < 2; round++) {
    mkdirSync(lab, { recursive: true });
    expect(await run(tsvde, args)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    const pid = Number(readFileSync(`${lab}/pid`, 'utf8').trim());
    atEnd(() => endPid(pid, 'SIGKILL'));
    const plug = await Plug.connect(`${lab}/ctl`, { port: 65535 });
    expect(plug.switchPath).toMatch(/\/65535\.\d+$/);
    plug.close();
    await endPid(pid, 'SIGKILL');
    if (round === 0) rmSync(lab, { recursive: true });
  }
  // Without rm -rf, the files of the killed switch are replaced.
  expect(await run(tsvde, args)).toMatchObject({ code: 0, stderr: '' });
  const pid = Number(readFileSync(`${lab}/pid`, 'utf8').trim());
  await endPid(pid);
  expect(existsSync(`${lab}/ctl`) || existsSync(`${lab}/pid`)).toBe(false);
});

test('Samba: the pid file names the running switch when the command returns', async () => {
  const prefix = temporaryDirectory();
  const args = ['--pidfile', `${prefix}/vde.pid`, '--sock', `${prefix}/vde.sock`, '--daemon'];
  expect((await run(tsvde, args)).code).toBe(0);
  const pid = Number(readFileSync(`${prefix}/vde.pid`, 'utf8'));
  expect(isRunning(pid)).toBe(true);
  await endPid(pid, 'SIGKILL');
});

describeWith(['unixterm'], 'Marionnet', () => {
  test('a switch started with single dashes can be polled for, configured by unixterm and ended by SIGTERM', async () => {
    const socket = `${temporaryDirectory()}/S1`;
    writeFileSync(`${socket}.rc`, 'port/create 3\n');
    const options = ['-x', '-n', '9', '-mod', '777', '--rcfile', `${socket}.rc`];
    const started = start(tsvde, [...options, '-unix', socket, '--mgmt', `${socket}-mgmt`]);
    await until(() => existsSync(`${socket}/ctl`) && existsSync(`${socket}-mgmt`), 'the sockets');
    const terminal = start('unixterm', [`${socket}-mgmt`]);
    await terminal.output(/vde\$ /);
    terminal.stdin.write('port/create 4\n');
    await terminal.output(/vde\$ 1000 Success\n/);
    terminal.stdin.write('port/allprint\n');
    await terminal.output(/Port 0003 [\s\S]*Port 0004 [\s\S]*\n1000 Success\n/);
    expect([modeOf(socket), modeOf(`${socket}/ctl`), modeOf(`${socket}-mgmt`)]).toEqual([0o3777, 0o777, 0o600]);
    started.signal('SIGTERM');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(await terminal.exited).toMatchObject({ code: 0 });
    expect(existsSync(socket) || existsSync(`${socket}-mgmt`)).toBe(false);
  });
});

const HOOK = '/etc/network/if-pre-up.d/vde2';

/** Runs Debian's own hook with tsvde mounted over vde_switch, in private namespaces, and ends the switch. */
const IFUPDOWN = `
set -e
mount -t tmpfs tmpfs /run
mount --bind "$1" /usr/bin/vde_switch
IFACE=tap0 METHOD=static IF_VDE2_SWITCH=- ${HOOK}
cd /var/run/vde2
stat -c '%n %a %G %F' tap0.ctl tap0.ctl/ctl tap0.mgmt tap0.pid
ip link set tap0 up
cat /sys/class/net/tap0/carrier
kill "$(cat tap0.pid)"
while [ -e tap0.pid ] || [ -e tap0.ctl ] || [ -e tap0.mgmt ]; do sleep 0.05; done
`;

describeWith(['root', 'tun', 'ip', 'unshare', 'vde_tunctl', 'start-stop-daemon', HOOK], "Debian's ifupdown", () => {
  test('the pre-up hook starts a switch with its TAP attached and the requested group and modes', async () => {
    const shim = `${temporaryDirectory()}/vde_switch`;
    writeFileSync(shim, `#!/bin/sh\nexec ${process.execPath} ${tsvde} "$@"\n`);
    chmodSync(shim, 0o755);
    const hook = namespace().start('unshare', ['--mount', 'sh', '-c', IFUPDOWN, 'sh', shim]);
    expect(await hook.exited, hook.stderr()).toEqual({ code: 0, signal: null });
    expect(hook.stdout().split('\n')).toEqual([
      'tap0.ctl 3770 vde2-net directory',
      'tap0.ctl/ctl 660 vde2-net socket',
      // The group is inherited from the hook's directory.
      'tap0.mgmt 660 vde2-net socket',
      'tap0.pid 644 vde2-net regular file',
      '1',
      '',
    ]);
  });
});

test('pgrep -f finds a daemon by its original command line', async () => {
  const directory = `${temporaryDirectory()}/ctl`;
  expect((await run(tsvde, ['-daemon', '-sock', directory, '-p', `${directory}.pid`])).code).toBe(0);
  const pid = readFileSync(`${directory}.pid`, 'utf8').trim();
  atEnd(() => endPid(Number(pid)));
  expect(execFileSync('pgrep', ['-f', `tsvde.*-sock ${directory}`], { encoding: 'utf8' })).toBe(`${pid}\n`);
  expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('tsvde\n');
});
