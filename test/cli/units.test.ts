// The systemd units confine tsvde, and tsvde works under each of their limits.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { formatStreamFrame } from '../../src/protocol/plug-stream.ts';
import { arpReply, arpRequest } from '../support/arp.ts';
import { ConsoleClient } from '../support/console.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { run, type Started, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { EQUIVALENTS, LIMITS_NEEDS, NO_LIMITS, underLimits } from '../support/unit-limits.ts';
import { printed, settingsOf, type TestUnit, testUnit, UNITS } from '../support/units.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const PYTHON = '/usr/bin/python3';
const MAC = '02:00:00:00:00:0a';
/** Debian's group users. */
const USERS = '100';

describeWith(['systemd-analyze'], "the units' exposure", () => {
  test.each(UNITS)('systemd-analyze security rates %s below 3.0', async (name) => {
    const path = `${temporaryDirectory()}/${name.replace('@', '@vt0')}.service`;
    writeFileSync(path, await printed(name));
    const { code, stdout } = await run('systemd-analyze', ['security', '--offline=yes', '--threshold=29', path]);
    expect([code, stdout.slice(stdout.indexOf('→'))]).toEqual([0, expect.stringContaining('exposure level')]);
  });
});

test.each(UNITS)('each option of %s is a limit that the tests set, or has a reason to be none', async (name) => {
  const options = settingsOf(await printed(name)).map(([option]) => option);
  expect(options.length).toBeGreaterThan(25);
  expect(options.filter((option) => !(option in EQUIVALENTS) && !(option in NO_LIMITS))).toEqual([]);
  expect(Object.keys(EQUIVALENTS).filter((option) => option in NO_LIMITS)).toEqual([]);
});

/** Prints the names of what succeeds. */
const FORBIDDEN = `
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1: raise OSError(ctypes.get_errno(), name)
attempts = {
    'packet sockets': lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    'netlink': lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    'namespaces': lambda: call('unshare', 0x08000000),
    'the name of the host': lambda: socket.sethostname('other'),
    'the clock': lambda: call('adjtimex', ctypes.create_string_buffer(512)),
    'the kernel log': lambda: call('klogctl', 10, None, 0),
    'mounts': lambda: call('mount', b'none', b'/mnt', b'tmpfs', 0, None),
    'personality': lambda: call('personality', 8),
    'real time': lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    'system files': lambda: open('/etc/passwd', 'a'),
    'homes': lambda: open('/root/.profile'),
    'kernel settings': lambda: open('/proc/sys/kernel/hostname'),
    'devices': lambda: open('/dev/kmsg'),
    'new devices': lambda: (os.mknod('/tmp/tsvde-device', 0o20600, os.makedev(1, 3)), os.unlink('/tmp/tsvde-device')),
    'other users': lambda: os.setuid(65534),
}
for name, attempt in attempts.items():
    try: attempt()
    except Exception: continue
    print(name)
`;

describeWith([...LIMITS_NEEDS, 'tun', 'ip', 'setpriv', 'curl', PYTHON], 'under the limits of a unit', () => {
  async function unitIn(home: string, name: string): Promise<{ unit: TestUnit; limits: string[] }> {
    chmodSync(home, 0o755);
    writeFileSync(`${home}/vt0.rc`, 'port/create 7\n');
    const unit = await testUnit(name, home);
    const readable = [CHECKOUT, process.execPath, ...(name.endsWith('@') ? [`${home}/vt0.rc`] : [])];
    return { unit, limits: underLimits(unit.settings, { home, writable: [unit.runtimeDirectory], readable }) };
  }

  async function serve(name: string, space: Namespace, words = ''): Promise<TestUnit & { started: Started }> {
    const home = temporaryDirectory();
    const { unit, limits } = await unitIn(home, name);
    const [program, ...args] = limits;
    const started = space.start(program!, [...args, 'sh', '-c', `exec ${unit.command}${words}`], { stdin: 'ignore' });
    await until(
      () => accepts(`${unit.directory}/ctl`),
      () => `a switch: ${started.stderr()}`,
      10_000,
    );
    return { ...unit, started };
  }

  const plug = (uid: number, directory: string) =>
    start('setpriv', ['--reuid', String(uid), '--regid', String(uid), '--groups', USERS, tsvde, 'plug', directory]);

  /** Returns the status of tsvde: bwrap waits for it as its only child. */
  function statusOf({ pid }: Started): string {
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return readFileSync(`/proc/${child}/status`, 'utf8');
  }

  test.each(UNITS)('%s forbids what succeeds without it', async (name) => {
    const { limits } = await unitIn(temporaryDirectory(), name);
    const attempts = [PYTHON, '-c', FORBIDDEN];
    const free = await run('unshare', ['--mount', '--uts', ...attempts]);
    expect(free.stdout.trim().split('\n')).toHaveLength(15);
    const [program, ...args] = limits;
    expect(await run(program!, [...args, ...attempts])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test.each([
    ['tsvde', 4],
    ['tsvde@', 5],
  ])('%s serves clients of three users, its console, metrics, TAPs and a user-mode network', async (name, ports) => {
    const space = namespace();
    const { started, directory, mgmt } = await serve(name, space, ' --port user');
    expect(statusOf(started)).toMatch(/^NoNewPrivs:\t1\nSeccomp:\t2$/m);
    const clients = [0, 1001, 1002].map((uid) => plug(uid, directory));
    const console = await ConsoleClient.connect(mgmt);
    const counted = async () => (await console.ask('port/print')).match(/endpoint ID/g)?.length === ports;
    await until(counted, () => `${ports} endpoints: ${clients.map((client) => client.stderr())} ${started.stderr()}`);
    expect(statusOf(started)).toMatch(/^CapPrm:\t0+1b$/m); // without NET_ADMIN once the TAP is open
    const [first] = clients;
    first!.stdin.write(formatStreamFrame(arpRequest({ mac: MAC, from: '10.0.2.15', to: '10.0.2.2' })));
    await first!.output(arpReply('10.0.2.2'));
    expect(started.stderr()).toMatch(/confinement: another user than root, namespaces \(unshare\)\n/); // has the rest
    if (name === 'tsvde') {
      expect(space.run('curl', '--silent', 'http://127.0.0.1:9109/metrics')).toContain('tsvde_port_up');
    } else {
      space.run('ip', 'addr', 'add', '10.0.2.9/24', 'dev', 'vt0');
      space.run('ip', 'link', 'set', 'vt0', 'up');
      first!.stdin.write(formatStreamFrame(arpRequest({ mac: MAC, from: '10.0.2.15', to: '10.0.2.9' })));
      await first!.output(arpReply('10.0.2.9'));
    }
    process.kill(Number(/^Pid:\t(\d+)$/m.exec(statusOf(started))![1]));
    expect((await started.exited).code).toBe(0);
    expect([existsSync(directory), existsSync(mgmt)]).toEqual([false, false]);
  });
});
