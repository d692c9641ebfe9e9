// The interfaces for a service manager: notifications, passed sockets, a ready descriptor, SIGHUP and the log.
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { endPid, run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

/** A service manager's socket: prints each datagram on a line. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1].startswith('@') else sys.argv[1])
print('bound', flush=True)
while True: print(s.recv(4096).decode().replace('\\n', ' '), flush=True)
`;

describeWith(['python3'], 'sd_notify', () => {
  test.each(['path', 'abstract'])(
    'READY, STATUS, WATCHDOG, RELOADING and STOPPING are sent to NOTIFY_SOCKET (%s)',
    async (kind) => {
      const home = temporaryDirectory();
      const address = kind === 'path' ? `${home}/notify` : `@${home}/notify`;
      const listener = start('python3', ['-c', LISTENER, address]);
      await listener.output(/bound/);
      const env = { ...process.env, NOTIFY_SOCKET: address, WATCHDOG_USEC: '100000' };
      writeFileSync(`${home}/rc`, 'port/create 3\n');
      const { started, directory } = await startTsvde(['-f', `${home}/rc`], { env, cwd: home });
      await listener.output(new RegExp(`READY=1 MAINPID=${started.pid} STATUS=0 ports active\n`));
      await listener.output(/WATCHDOG=1\n[\s\S]*WATCHDOG=1\n/);
      const plug = await Plug.connect(directory);
      await listener.output(/STATUS=1 ports active\n/);
      plug.close();
      started.signal('SIGHUP');
      await listener.output(/RELOADING=1 MONOTONIC_USEC=\d+\n[\s\S]*READY=1 /);
      await started.stop();
      await listener.output(/STOPPING=1\n$/);
    },
  );
});

test('--ready-fd receives a newline once clients can join', async () => {
  const home = temporaryDirectory();
  const line = `exec 4>ready; "$1" -s ctl --ready-fd 4 --nostdin & switch=$!
    until [ -s ready ]; do sleep 0.01; done; test -S ctl/ctl && wc -c <ready; kill $switch; wait $switch`;
  expect(await run('sh', ['-c', line, 'sh', tsvde], { cwd: home })).toMatchObject({ code: 0, stdout: '1\n' });
  const refused = await run(tsvde, ['-s', `${home}/ctl2`, '--ready-fd', '99']);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--ready-fd 99: cannot write to it'),
  });
  expect(existsSync(`${home}/ctl2`)).toBe(false);
});

test('the control socket exists by the time the console exists, as with vde_switch', async () => {
  const home = temporaryDirectory();
  const [control, management] = [`${home}/ctl/ctl`, `${home}/mgmt`];
  start(tsvde, ['-s', `${home}/ctl`, '-M', management]);
  const deadline = performance.now() + 10_000;
  while (!existsSync(management) && performance.now() < deadline); // no pause, which would hide a gap between the two
  expect([control, management].map(existsSync)).toEqual([true, true]);
});

test.each([1, 3, 4, 9])(
  '--daemon --ready-fd %i: the parent writes the newline, and the daemon does not keep the descriptor',
  async (fd) => {
    const home = temporaryDirectory();
    const line = `exec ${fd}>ready; "$1" -d --ready-fd ${fd} -s ctl -p pid && test -S ctl/ctl && test -s ready`;
    const result = await run('sh', ['-c', line, 'sh', tsvde], { cwd: home });
    const pid = Number(existsSync(`${home}/pid`) && readFileSync(`${home}/pid`, 'utf8'));
    atEnd(() => pid && endPid(pid));
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(`${home}/ready`, 'utf8')).toBe('\n');
    const open = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
    expect(open).not.toContain(`${home}/ready`);
  },
);

test.each([
  ['a closed descriptor', 99, ''],
  ['a full device', 4, '4>/dev/full'],
])('--daemon --ready-fd with %s is an error and leaves no daemon', async (_, fd, redirection) => {
  const home = temporaryDirectory();
  const line = `exec "$1" -d --ready-fd ${fd} -s ctl -p pid ${redirection}`;
  expect(await run('sh', ['-c', line, 'sh', tsvde], { cwd: home })).toMatchObject({
    code: 1,
    stderr: `tsvde: --ready-fd ${fd}: cannot write to it; open it for writing\n`,
  });
  expect(readdirSync(home)).toEqual([]);
});

test('--ready-fd 1 leaves standard output to the console', async () => {
  const started = start(tsvde, ['-s', `${temporaryDirectory()}/ctl`, '--ready-fd', '1']);
  await started.output(/^\n/);
  started.stdin.write('port/showinfo\n');
  await started.output(/^\n0000 DATA END/);
});

/** Socket activation as systemd does it: listens, then executes the service with descriptors from 3 on. */
const ACTIVATE = `
import os, socket, sys
names, program, *args = sys.argv[1:]
sockets = []
for spec in names.split(','):
    name, address = spec.split('=')
    if address.isdigit():
        s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)
    else:
        s = socket.socket(socket.AF_UNIX); s.bind(address)
    s.listen(); sockets.append(s.detach())
spare = [os.dup(fd) for fd in sockets]
base = max(spare) + 1
high = [os.dup2(fd, base + i) for i, fd in enumerate(spare)]
for i, fd in enumerate(high): os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=':'.join(n.split('=')[0] for n in names.split(',')))
os.execv(program, [program, *args])
`;

describeWith(['python3'], 'passed sockets', () => {
  test('clients of passed ctl, mgmt and metrics sockets wait for the switch, which leaves the files at its end', async () => {
    const home = temporaryDirectory();
    mkdirSync(`${home}/ctl`);
    const names = `ctl=${home}/ctl/ctl,mgmt=${home}/mgmt,metrics=0`;
    const started = start('python3', ['-c', ACTIVATE, names, tsvde, '-s', `${home}/ctl`, '-M', `${home}/mgmt`]);
    const [, port] = await started.output(/^(\d+)\n/);
    const [a, b] = [await Recorder.join(`${home}/ctl`), await Recorder.join(`${home}/ctl`)];
    a.send(frame(BROADCAST, '02:00:00:00:00:01'));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:01'));
    const console = await ConsoleClient.connect(`${home}/mgmt`);
    expect(await console.ask('port/print')).toContain('Port 0002');
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toContain('tsvde_port_up{port="2",switch="ctl"} 1');
    started.signal('SIGTERM');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(`${home}/ctl/ctl`) && existsSync(`${home}/mgmt`)).toBe(true);
  });

  test('a passed socket with an unknown name stops the start with a sentence', async () => {
    const home = temporaryDirectory();
    const result = await run('python3', ['-c', ACTIVATE, `other=${home}/other`, tsvde, '-s', `${home}/ctl`]);
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/a socket named 'other' was passed: .*ctl, mgmt, metrics, web/),
    });
  });
});

test('SIGHUP replays only the declarations of the rc file', async () => {
  const home = temporaryDirectory();
  writeFileSync(`${home}/rc`, 'vlan/create 10\nport/create 3\n');
  const { started } = await startTsvde(['-f', `${home}/rc`], { cwd: home });
  started.stdin.write('vlan/print 10\n');
  await started.output(/1000 Success/);
  writeFileSync(
    `${home}/rc`,
    'vlan/create 10\nvlan/create 20\nport/create 3\nport/setvlan 3 20\nport/createauto\nport/create 0\nshutdown\nvlan/create x\n',
  );
  started.signal('SIGHUP');
  await started.output(/rc:8: 'vlan\/create x': 'x' is not a number \(EINVAL\)/);
  started.stdin.write('vlan/allprint\nport/allprint\n');
  await started.output(/VLAN 0010\nVLAN 0020\n -- Port 0003[\s\S]*Port 0003[\s\S]*1000 Success/);
  expect(started.stdout()).not.toMatch(/^Port 0001/m);
  expect(started.stderr()).not.toMatch(/rc:[1-7]:|Shutdown/);
  await started.stop();
});

describe('the log', () => {
  async function logged(options: readonly string[]): Promise<string> {
    const { started, directory } = await startTsvde(options);
    await expect(Plug.connect(directory, { port: 999 })).rejects.toThrow();
    const plug = await Plug.connect(directory, { description: 'a "client"\n' });
    plug.close();
    await started.stop();
    return started.stderr();
  }

  test('the text log has refused clients and the end of the switch', async () => {
    expect(await logged([])).toMatch(/^tsvde: refused a client .*\ntsvde: Caught signal 15, .*\n$/);
  });

  test('--quiet logs only warnings', async () => {
    expect(await logged(['-q'])).toMatch(/^tsvde: refused a client .*\n$/);
  });

  test('--verbose also logs clients that connect', async () => {
    expect(await logged(['--verbose'])).toMatch(/endpoint \d+ added: a "client"\\x0a\n/);
  });

  test('--log-format json writes one object a line', async () => {
    const lines = (await logged(['--log-format', 'json']))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      {
        level: 'warning',
        name: 'tsvde',
        message: expect.stringMatching(/^refused a client/),
        uid: process.geteuid!(),
        pid: process.pid,
        reason: expect.stringContaining('port 999'),
      },
      { level: 'info', message: 'Caught signal 15, cleaning up and exiting' },
    ]);
    expect(lines[1]).not.toHaveProperty('reason');
    expect(Date.parse(lines[0].time)).toBeGreaterThan(Date.now() - 60_000);
  });

  test('lines in JSON say which port, endpoint and attachment they are about', async () => {
    const path = `${temporaryDirectory()}/s`;
    const spec = `stream,id=lab,name=guests,server=on,addr.type=unix,addr.path=${path}`;
    const { started, directory } = await startTsvde(['--log-format', 'json', '--verbose', '--port', spec]);
    const plug = await Plug.connect(directory, { port: 9, description: 'a guest name=web' });
    plug.close();
    await started.output(/endpoint \d+ removed/);
    const lines = started
      .stderr()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const address = expect.stringContaining(path);
    expect(lines.find(({ message }) => /listening on/.test(message))).toMatchObject({ attachment: 'lab', address });
    const about = { level: 'debug', port: 9, portName: 'web', endpoint: 1, description: 'a guest name=web' };
    expect(lines.find(({ message }) => /endpoint 1 added/.test(message))).toMatchObject(about);
  });

  test('at a terminal, the start says where the switch listens', async () => {
    const home = temporaryDirectory();
    const script = ['-qec', `${tsvde} --nostdin -s ${home}/ctl -M ${home}/mgmt`, '/dev/null'];
    const started = start('script', script);
    await started.output(/tsvde: clients join through '.*\/ctl'\r\n/);
    await started.output(/tsvde: serving the console on '.*\/mgmt'\r\n/);
    await started.stop();
  });
});
