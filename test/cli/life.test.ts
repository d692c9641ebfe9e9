// A switch in the foreground: its stdin, its rc file, and output that nobody reads.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient } from '../support/console.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { endPid, run, start, tsvde } from '../support/process.ts';
import { RawClient } from '../support/raw-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

/** A file that can be opened but not read: the loopback interface has no speed. */
const UNREADABLE = '/sys/class/net/lo/speed';

describe('stdin', () => {
  test('end of input ends the switch after every command is answered', async () => {
    const { started, directory } = await startTsvde();
    started.stdin.end('port/create 5\nport/create 5\nport/create 6');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(started.stdout().match(/1\d{3} .*$/gm)).toEqual(['1000 Success', '1017 File exists', '1000 Success']);
    expect(started.stderr()).toBe('tsvde: EOF on stdin, cleaning up and exiting\n');
    expect(existsSync(directory)).toBe(false);
  });

  test.skipIf(!existsSync(UNREADABLE))('load of a script that cannot be read is an error reply', async () => {
    const { started } = await startTsvde();
    started.stdin.end(`load ${UNREADABLE}\nport/create 5\n`);
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(started.stdout().match(/1\d{3} .*$/gm)).toEqual(['1005 Input/output error', '1000 Success']);
    const home = temporaryDirectory();
    expect(await run(tsvde, ['-s', `${home}/ctl`, '-f', UNREADABLE])).toMatchObject({
      code: 1,
      stderr: `tsvde: cannot read '${UNREADABLE}': Invalid argument\n`,
    });
  });

  test('the switch exits when stdin is empty, closed or a directory', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    for (const redirection of ['</dev/null', '<&-', '</']) {
      const ended = await run('sh', ['-c', `exec "$1" -s "$2" ${redirection}`, 'sh', tsvde, directory]);
      expect(ended, redirection).toMatchObject({ code: 0, stderr: 'tsvde: EOF on stdin, cleaning up and exiting\n' });
      expect(existsSync(directory)).toBe(false);
    }
  });
});

describe('stdout and stderr', () => {
  test('stdout and stderr are left in blocking mode at the end of input', async () => {
    const script = '"$1" -s "$2" </dev/null; sed -n s/^flags:.//p /proc/self/fdinfo/1 /proc/self/fdinfo/2';
    const ended = await run('sh', ['-c', script, 'sh', tsvde, `${temporaryDirectory()}/ctl`]);
    expect(ended.stdout).toBe('02\n02\n');
  });

  test.each(['TERM', 'INT'])('stdout and stderr are left in blocking mode after SIG%s', async (name) => {
    const script = `"$1" --nostdin -s "$2" & until [ -S "$2/ctl" ]; do sleep 0.01; done
      kill -${name} $!; wait $!; sed -n s/^flags:.//p /proc/self/fdinfo/1 /proc/self/fdinfo/2`;
    const ended = await run('bash', ['-c', script, 'bash', tsvde, `${temporaryDirectory()}/ctl`]);
    expect(ended.stdout).toBe('02\n02\n');
  });

  test('SIGQUIT cleans up and ends the switch by the signal', async () => {
    const { started, directory } = await startTsvde(['--nostdin']);
    started.signal('SIGQUIT');
    expect(await started.exited).toEqual({ code: null, signal: 'SIGQUIT' });
    expect(started.stderr()).toBe('tsvde: Caught signal 3, cleaning up and exiting\n');
    expect(existsSync(directory)).toBe(false);
  });

  test('a switch with --nostdin runs with stdout and stderr closed', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const closed = ['-c', 'exec "$1" --nostdin -s "$2" </dev/null >&- 2>&-', 'sh', tsvde, directory];
    const started = start('sh', closed);
    await until(() => accepts(`${directory}/ctl`), 'a switch');
    const refused = await RawClient.connect(directory);
    refused.stream.write('what is to be logged, and cannot be');
    await refused.closed;
    await Recorder.join(directory);
    started.signal('SIGTERM');
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  test('full pipes on stdout and stderr delay neither clients, frames nor shutdown', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const rc = `${temporaryDirectory()}/rc`;
    writeFileSync(rc, WRONG);
    const child = spawn(tsvde, ['-s', directory, '-f', rc], { stdio: 'pipe' });
    atEnd(() => child.kill('SIGKILL'));
    const exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    await until(() => accepts(`${directory}/ctl`), 'a switch');
    child.stdin.on('error', () => {});
    child.stdin.write('help\n'.repeat(2000));
    for (let i = 0; i < 1500; i++) {
      const client = await RawClient.connect(directory);
      client.stream.write('of no known magic');
      await client.closed;
    }
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    a.send(frame(BROADCAST, '02:00:00:00:00:0a', 100, 1));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:0a', 100, 1));
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(existsSync(directory)).toBe(false);
  });
});

/**
 * Runs a program on a terminal, prints the program's pid and types `keys`. The terminal is read only after a line on
 * stdin; then the terminal's output and the program's exit code are printed.
 */
const UNREAD = `
import os, pty, sys
keys, program, *args = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0: os.execvp(program, [program, *args])
print('pid', pid, flush=True)
os.write(terminal, keys.encode())
sys.stdin.readline()
while True:
    try: sys.stdout.buffer.write(os.read(terminal, 65536))
    except OSError: break
    sys.stdout.flush()
print('code', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
/** Invalid declarations: each causes a log line at SIGHUP, together more lines than a switch keeps. */
const WRONG = 'vlan/create x\n'.repeat(2000);
const CTRL_S = '\x13';
/** With such a terminal, the console does not edit lines, so that what it writes is known byte for byte. */
const WITHOUT_EDITOR = { ...process.env, TERM: 'dumb' };

describeWith(['python3'], 'a terminal that nobody reads', () => {
  async function unread(keys: string) {
    const home = temporaryDirectory();
    const directory = `${home}/ctl`;
    writeFileSync(`${home}/rc`, '');
    const words = [keys, tsvde, '-s', directory, '-f', `${home}/rc`];
    const terminal = start('python3', ['-c', UNREAD, ...words], { env: WITHOUT_EDITOR });
    const [, pid] = await terminal.output(/pid (\d+)\n/);
    atEnd(() => endPid(Number(pid), 'SIGKILL'));
    await until(() => accepts(`${directory}/ctl`), 'a switch');
    return { terminal, pid: Number(pid), home, directory };
  }

  test.each([
    ['full', 'help\n'.repeat(60)],
    ['stopped', `help\n${CTRL_S}`],
  ])('a %s terminal delays neither clients, frames nor shutdown', async (_, keys) => {
    const { terminal, pid, home, directory } = await unread(keys);
    for (let i = 0; i < 100; i++) {
      const client = await RawClient.connect(directory);
      client.stream.write('of no known magic');
      await client.closed;
    }
    writeFileSync(`${home}/rc`, WRONG);
    process.kill(pid, 'SIGHUP');
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    a.send(frame(BROADCAST, '02:00:00:00:00:0a', 100, 1));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:0a', 100, 1));
    await endPid(pid);
    expect(existsSync(directory)).toBe(false);
    terminal.stdin.write('\n');
    await terminal.output(/code 0\n$/);
  });

  test('a terminal that is read again shows all replies and the number of lost log lines', async () => {
    const { terminal, pid, home, directory } = await unread('help\n'.repeat(60));
    writeFileSync(`${home}/rc`, `${WRONG}port/setnumports 40\n`);
    process.kill(pid, 'SIGHUP');
    const joins = () => Plug.connect(directory, { port: 40 }).catch(() => undefined);
    (await until(joins, 'the end of the rc file')).close();
    terminal.stdin.write('\n');
    await until(() => terminal.stdout().match(/^1000 Success/gm)?.length === 60, 'sixty replies');
    process.kill(pid, 'SIGTERM');
    await terminal.output(
      /\d+ log lines were lost: nobody read them\r\ntsvde: Caught signal 15, cleaning up and exiting\r\ncode 0\n$/,
    );
  });

  test('replies and log lines keep their order, and the terminal is left in blocking mode', async () => {
    const home = temporaryDirectory();
    const flags = `python3 -c 'import fcntl, os; print([fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK for fd in range(3)])'`;
    const line = `"$1" -s ${home}/ctl; ${flags}`;
    const keys = 'port/create 5\nbogus\nshutdown\n';
    const terminal = start('python3', ['-c', UNREAD, keys, 'sh', '-c', line, 'sh', tsvde], { env: WITHOUT_EDITOR });
    terminal.stdin.write('\n');
    await terminal.output(
      /vde\$ 1000 Success\r\n\r\nvde\$ 1038 Function not implemented\r\n\r\nvde\$ tsvde: Shutdown from mgmt command\r\n9999 END OF SESSION\[0, 0, 0\]\r\ncode 0\n$/,
    );
  });
});

/**
 * Starts a switch and resolves in the middle of its start: the switch waits for an answer from the switch that its
 * uplink joins, and will run its rc file, which creates port 2, after that.
 */
async function startSlowly() {
  const home = temporaryDirectory();
  mkdirSync(`${home}/slow`);
  writeFileSync(`${home}/rc`, 'vlan/create 10\nport/create 2\nport/setvlan 2 10\n');
  const silent = createServer().listen(`${home}/slow/ctl`);
  const tried = once(silent, 'connection');
  const directory = `${home}/ctl`;
  const uplink = ['--port', `vde,sock=${home}/slow`];
  const started = start(tsvde, ['-s', directory, '-M', `${home}/mgmt`, ...uplink, '-f', `${home}/rc`]);
  const [connection] = await tried;
  atEnd(() => {
    connection.destroy();
    silent.close();
  });
  return { home, directory, started };
}

describe('rc file', () => {
  test('failing commands of the rc file are logged and do not stop the start', async () => {
    const rc = `${temporaryDirectory()}/rc`;
    writeFileSync(rc, '# a comment\n\nport/create 7\nport/create 7\nbogus\nshutdown\nport/sethub 1\n');
    const { started } = await startTsvde(['-f', rc]);
    started.stdin.write('port/allprint\nport/showinfo\n');
    await started.output(/HUB=true/);
    expect(started.stdout()).toContain('Port 0007 ');
    expect(started.stdout()).toMatch(/^0000 DATA/);
    expect(started.stderr().split('\n')).toEqual([
      `tsvde: ${rc}:4: 'port/create 7': port 7 exists already (EEXIST)`,
      `tsvde: ${rc}:5: 'bogus': there is no command 'bogus'; help lists the commands (ENOSYS)`,
      'tsvde: Shutdown from mgmt command',
      '',
    ]);
  });

  test('clients and consoles that connect early are served after the rc file has run', async () => {
    const { home, directory, started } = await startSlowly();
    const early = Plug.connect(directory);
    const console = ConsoleClient.connect(`${home}/mgmt`);
    expect((await early).switchPath).toMatch(/^.*\/003\.\d+$/);
    (await early).close();
    expect(await (await console).ask('port/allprint 2')).toContain('Port 0002 untagged_vlan=0010');
    expect(started.stderr()).not.toContain('refused');
  });

  test('a SIGHUP during the start is handled after the start', async () => {
    const { started } = await startSlowly();
    started.signal('SIGHUP');
    started.stdin.write('port/allprint 2\n');
    await started.output(/Port 0002 [\s\S]*1000 Success/);
    await started.output(/Caught signal 1: reading '.*' again/);
  });

  test('a SIGTERM during the start ends the switch and disconnects waiting clients', async () => {
    const { home, directory, started } = await startSlowly();
    const early = await RawClient.connect(directory);
    started.signal('SIGTERM');
    await early.closed;
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(readdirSync(home).sort()).toEqual(['rc', 'slow']);
  });

  test('~/.vde2/vde_switch.rc is the default rc file', async () => {
    const home = temporaryDirectory();
    mkdirSync(`${home}/.vde2`);
    writeFileSync(`${home}/.vde2/vde_switch.rc`, 'port/create 9\n');
    const { started } = await startTsvde([], { env: { ...process.env, HOME: home } });
    started.stdin.write('port/allprint\n');
    await started.output(/Port 0009 /);
  });
});

describeWith(['root', 'unshare'], 'process 1', () => {
  /** Starts a program as process 1 of a new PID namespace; returns its process ID outside the namespace. */
  async function startInit(...words: string[]) {
    const started = start('unshare', ['--pid', '--fork', '--kill-child', ...words]);
    const children = () => readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8').trim();
    return { started, pid: Number(await until(children, 'the child of unshare')) };
  }

  test.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('%s ends a switch', async (signal) => {
    const directory = `${temporaryDirectory()}/ctl`;
    const { started, pid } = await startInit(tsvde, '--nostdin', '-s', directory);
    await until(() => accepts(`${directory}/ctl`), 'a switch');
    process.kill(pid, signal);
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(directory)).toBe(false);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
    ['SIGHUP', 129],
  ] as const)('%s ends a plug', async (signal, code) => {
    const { directory } = await startTsvde();
    const { started, pid } = await startInit(tsvde, 'plug', directory);
    const sender = await Recorder.join(directory);
    await until(() => {
      sender.send(frame(BROADCAST, '02:00:00:00:00:0a', 100, 1));
      return started.stdout() !== '';
    }, 'a frame');
    process.kill(pid, signal);
    expect(await started.exited).toEqual({ code, signal: null });
  });
});

describeWith(['root', 'unshare', 'mount', '/etc/vde2'], 'the default rc file', () => {
  const HOME = 1;
  const ETC = 2;
  const NAMED = 3;

  test.each<[string, number[], number | undefined]>([
    ["is the user's", [HOME, ETC], HOME],
    ["is the system's where the user has none", [ETC], ETC],
    ['is replaced by -f', [HOME, ETC, NAMED], NAMED],
    ['may be missing', [], undefined],
  ])('%s', async (_, present, expected) => {
    const home = temporaryDirectory();
    for (const name of ['home/.vde2', 'etc']) mkdirSync(`${home}/${name}`, { recursive: true });
    const paths = new Map([
      [HOME, `${home}/home/.vde2/vde_switch.rc`],
      [ETC, `${home}/etc/vde_switch.rc`],
      [NAMED, `${home}/named`],
    ]);
    // Each file creates one port, whose number tells the files apart.
    for (const which of present) writeFileSync(paths.get(which)!, `port/create ${which}\n`);
    const line = `mount --bind ${home}/etc /etc/vde2 && exec "$@"`;
    const named = present.includes(NAMED) ? ['-f', paths.get(NAMED)!] : [];
    const words = [tsvde, '-s', `${home}/ctl`, '--ready-fd', '3', ...named];
    const env = { ...process.env, HOME: `${home}/home` };
    const started = start('unshare', ['--mount', 'sh', '-c', line, 'sh', ...words], { env, tellsReady: true });
    await started.ready;
    started.stdin.write('port/allprint\nlogout\n');
    await started.output(/(?:^|\n)1000 Success/);
    const ports = [...started.stdout().matchAll(/^Port (\d{4}) /gm)].map(([, number]) => Number(number));
    expect(ports).toEqual(expected === undefined ? [] : [expected]);
    expect(started.stderr()).toBe('');
  });
});

describeWith(['root'], 'a name server that does not answer', () => {
  /** A namespace whose name server receives every query and answers none. */
  async function silentResolver() {
    const space = namespace();
    space.useResolver('127.0.0.1');
    const bind = "require('dgram').createSocket('udp4').bind(53, '127.0.0.1', () => console.log('bound'))";
    await space.start(process.execPath, ['-e', bind]).output(/bound/);
    return space;
  }

  const connecting = (count: number) =>
    Array.from({ length: count }, (_, i) => ['--port', `socket,connect=host-${i}.example:7000`]).flat();
  const listening = ['--port', 'socket,listen=host.example:7000'];

  test.each([
    ['serves', connecting(1), 'metrics'],
    ['starts with many connecting ports', connecting(20), 'pid'],
    ['starts with a listening port', listening, 'pid'],
  ])('a switch that %s exits at once on SIGTERM and removes its files', async (_, ports, lastFile) => {
    const home = temporaryDirectory();
    const args = ['--nostdin', '-s', `${home}/ctl`, '-p', `${home}/pid`, '--metrics', `unix:${home}/metrics`, ...ports];
    const started = (await silentResolver()).start(tsvde, args);
    await until(() => existsSync(`${home}/${lastFile}`), 'the files of the switch');
    started.signal('SIGTERM');
    await until(() => !started.running, 'the end of the switch', 2000);
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(started.stderr()).toContain('Caught signal 15, cleaning up and exiting');
    expect(readdirSync(home)).toEqual([]);
  });

  test('a daemon ended while its rc file waits for a name is reported as not ready', async () => {
    const home = temporaryDirectory();
    writeFileSync(
      `${home}/rc`,
      `port/attach socket,connect=host.example:7000,id=a\nport/attach stream,addr.type=inet,addr.host=host.example,addr.port=7,id=b\n`,
    );
    const line = 'exec "$1" -d --ready-fd 4 -s ctl -p pid -f rc 4>told';
    const starter = (await silentResolver()).start('sh', ['-c', line, 'sh', tsvde], { cwd: home });
    await until(() => existsSync(`${home}/pid`), 'the files of the switch');
    await endPid(Number(readFileSync(`${home}/pid`, 'utf8')));
    expect(await starter.exited).toEqual({ code: 1, signal: null });
    expect(starter.stderr()).toBe('tsvde: the daemon ended before it was ready: exit code 0\n');
    expect(readFileSync(`${home}/told`, 'utf8')).toBe('');
    expect(readdirSync(home).sort()).toEqual(['rc', 'told']);
  });

  test('a switch exits at once on SIGTERM while port/attach waits for an address', async () => {
    const home = temporaryDirectory();
    const started = (await silentResolver()).start(tsvde, ['-s', `${home}/ctl`, '-M', `${home}/mgmt`]);
    await until(() => existsSync(`${home}/mgmt`), 'the console');
    started.stdin.write('port/create 5\nport/attach dgram,remote.type=inet,remote.host=host.example,remote.port=7\n');
    await started.output(/1000 Success/);
    started.signal('SIGTERM');
    await until(() => !started.running, 'the end of the switch', 2000);
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(readdirSync(home)).toEqual([]);
  });
});

describeWith(['root', 'setpriv'], 'a user who is not root', () => {
  /** Runs a switch as a user without an account, with only PATH and `env` set. It shows its ports and ends. */
  async function unprivileged(args: readonly string[], env: NodeJS.ProcessEnv) {
    const home = temporaryDirectory();
    chownSync(home, 54321, 54321);
    const words = ['--reuid', '54321', '--regid', '54321', '--clear-groups', tsvde, '-s', `${home}/ctl`, ...args];
    const started = start('setpriv', words, { env: { PATH: process.env.PATH, ...env } });
    started.stdin.end('port/allprint\n');
    return { ...(await started.exited), said: started.stderr(), shown: started.stdout() };
  }

  test('a user without a home directory and without an account has no default rc file', async () => {
    expect(await unprivileged([], {})).toMatchObject({
      code: 0,
      said: 'tsvde: EOF on stdin, cleaning up and exiting\n',
    });
  });

  test('an unreadable default rc file is skipped, and an unreadable rc file named by -f stops the start', async () => {
    const home = temporaryDirectory();
    chmodSync(home, 0o755);
    mkdirSync(`${home}/.vde2`);
    const rc = `${home}/.vde2/vde_switch.rc`;
    writeFileSync(rc, 'port/create 9\n', { mode: 0o600 });
    const without = await unprivileged([], { HOME: home });
    expect(without).toMatchObject({ code: 0, said: 'tsvde: EOF on stdin, cleaning up and exiting\n' });
    expect(without.shown).not.toContain('Port 0009');
    expect(await unprivileged(['-f', rc], { HOME: home })).toMatchObject({
      code: 1,
      said: `tsvde: cannot open '${rc}': Permission denied\n`,
    });
    chmodSync(rc, 0o644);
    expect((await unprivileged([], { HOME: home })).shown).toContain('Port 0009 ');
  });
});
