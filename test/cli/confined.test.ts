// The privileges of tsvde itself, as the kernel shows them for each of its threads, and what the switch can still do.
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ConsoleClient } from '../support/console.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { run, type Started, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const CLIENTS = ['cap_chown', 'cap_dac_override', 'cap_fowner', 'cap_fsetid'];
const NAMES = ['cap_chown', 'cap_dac_override', '', 'cap_fowner', 'cap_fsetid', 'cap_kill', 'cap_setgid', 'cap_setuid', '', '', 'cap_net_bind_service', '', 'cap_net_admin']; // biome-ignore format: a row, in the order of capabilities(7)

function names(mask: string): string[] {
  const bits = BigInt(`0x${mask}`);
  return Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => (bits >> BigInt(bit)) & 1n)
    .map((bit) => NAMES[bit] || `capability ${bit}`);
}

/** The distinct values of a field of /proc/PID/status among all threads. */
function ofThreads(pid: number, field: string): string[] {
  const values = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(status)![1]!;
  });
  return [...new Set(values)];
}

function expectCapabilities(pid: number, expected: readonly string[]): void {
  for (const field of ['CapPrm', 'CapEff'])
    expect([field, ofThreads(pid, field).map(names)]).toEqual([field, [expected]]);
  const passedOn = expected.filter((name) => name !== 'cap_net_admin');
  expect(['CapBnd', ofThreads(pid, 'CapBnd').map(names)]).toEqual(['CapBnd', [passedOn]]);
  for (const field of ['CapInh', 'CapAmb']) expect([field, ofThreads(pid, field).map(names)]).toEqual([field, [[]]]);
  expect(ofThreads(pid, 'NoNewPrivs')).toEqual(['1']);
}

/** Joins the switch as another user. */
function plug(directory: string, uid: number): Started {
  const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  return start('setpriv', [...user, tsvde, 'plug', directory]);
}

describeWith(['root', 'tun', 'ip'], 'a switch of root', () => {
  async function inNamespace(args: readonly string[]): Promise<{ started: Started; space: Namespace }> {
    const space = namespace();
    const { started } = await startTsvde(args, { within: space });
    return { started, space };
  }
  const ask = async (started: Started, line: string) => {
    const before = started.stdout().length;
    started.stdin.write(`${line}\n`);
    return until(() => /1\d{3} .*\n/.exec(started.stdout().slice(before))?.[0], `a reply to ${line}`);
  };

  test('keeps in every thread what clients need, and gives up NET_ADMIN once its TAPs are open', async () => {
    const { started } = await inNamespace(['--tap', 'vt0', '--port', 'tap,ifname=vt1']);
    expectCapabilities(started.pid, [...CLIENTS, 'cap_net_bind_service']);
    expect(await ask(started, 'port/attach tap,ifname=vt2')).toContain('1005');
    expect(started.stderr()).toContain('only with --tap-at-runtime');
  });

  test('with --tap-at-runtime, it attaches TAPs later', async () => {
    const { started, space } = await inNamespace(['--tap-at-runtime']);
    expectCapabilities(started.pid, [...CLIENTS, 'cap_net_bind_service', 'cap_net_admin']);
    expect(await ask(started, 'port/attach tap,ifname=vt2')).toContain('1000');
    expect(space.run('ip', 'link', 'show', 'vt2')).toContain('vt2');
  });

  test('with a user-mode network, it keeps what that process needs to become another user', async () => {
    const { started } = await inNamespace(['--port', 'user']);
    expectCapabilities(started.pid, [...CLIENTS, 'cap_kill', 'cap_setgid', 'cap_setuid', 'cap_net_bind_service']);
  });
});

describeWith(['root', 'tun', 'ip', 'setpriv'], 'a switch with --user', () => {
  test('runs as that user in every thread, has its TAP, serves clients of three users, and leaves no file', async () => {
    const space = namespace();
    const home = temporaryDirectory();
    const args = ['--user', 'daemon:users', '--tap', 'vt0', '-M', `${home}/mgmt`, '--mgmtmode', '666', '--mode', '666', '--nostdin']; // biome-ignore format: a row
    chmodSync(home, 0o755);
    const { started, directory } = await startTsvde(args, { within: space, cwd: home });
    expect(ofThreads(started.pid, 'Uid')).toEqual(['1\t1\t1\t1']);
    expect(ofThreads(started.pid, 'Gid')).toEqual(['100\t100\t100\t100']);
    expectCapabilities(started.pid, [...CLIENTS, 'cap_net_bind_service']);
    expect(statSync(`${directory}/ctl`)).toMatchObject({ uid: 1 });
    const clients = [0, 2, 12345].map((uid) => plug(directory, uid));
    const console = await ConsoleClient.connect(`${home}/mgmt`);
    const serves = async () => (await console.ask('port/print')).match(/endpoint ID/g)?.length === 4;
    await until(serves, () => `three clients and a TAP: ${clients.map((client) => client.stderr())}`);
    // A client has joined when the file of its own socket is gone. If it is killed earlier, the file stays.
    await until(() => readdirSync(directory).every((name) => !name.startsWith('.')), 'the ends of the joins');
    await Promise.all(clients.map((client) => client.stop()));
    await started.stop();
    const left = existsSync(directory) && readdirSync(directory);
    expect([left, existsSync(`${home}/mgmt`)]).toEqual([false, false]);
  });

  test.each([
    ['no-such-user', /--user: there is no user 'no-such-user': give NAME\[:GROUP\]/],
    ['daemon:no-such-group', /--user: there is no group 'no-such-group'/],
    ['54321', /--user: the user 54321 has no group of its own: give 54321:GROUP/],
    ['root', /--user: root is the user to leave/],
  ])('%s is refused', async (user, sentence) => {
    const { code, stderr } = await run(tsvde, ['-s', '/nowhere/ctl', '--user', user]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(sentence)]);
  });

  test('is refused to a user who is not root', async () => {
    const { code, stderr } = await run('setpriv', ['--reuid', '2', '--regid', '2', '--clear-groups', tsvde, '--user', 'daemon']); // biome-ignore format: a row
    expect([code, stderr]).toEqual([1, expect.stringContaining("--user: cannot become 'daemon': Operation not permitted; start tsvde as root")]); // biome-ignore format: a row
  });
});

describeWith(['setpriv', 'root'], 'a switch of another user', () => {
  test('has no_new_privs in every thread and no capability', async () => {
    const home = temporaryDirectory();
    chmodSync(home, 0o777);
    const user = ['--reuid', '12345', '--regid', '12345', '--clear-groups'];
    const started = start('setpriv', [...user, tsvde, '-s', `${home}/ctl`, '--ready-fd', '3'], { tellsReady: true });
    await started.ready;
    expect(ofThreads(started.pid, 'NoNewPrivs')).toEqual(['1']);
    expect(ofThreads(started.pid, 'CapEff').map(names)).toEqual([[]]);
  });
});
