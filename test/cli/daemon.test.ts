// -d: the command returns only once everything is usable, and the daemon keeps no stream of its parent.
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { Recorder } from '../support/network.ts';
import { compat, endPid, isRunning, run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

async function startDaemon(home: string, ...args: string[]): Promise<number> {
  const result = await run(tsvde, ['-d', '-s', `${home}/ctl`, '-p', `${home}/pid`, ...args]);
  expect(result).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  const pid = Number(readFileSync(`${home}/pid`, 'utf8'));
  atEnd(() => endPid(pid, 'SIGKILL'));
  return pid;
}

/** Starts a hundred daemons. As soon as each command returns, checks everything that -d promises. */
const HUNDRED = `
for round in $(seq 100); do
  here="$2/$round"
  mkdir "$here"
  "$1" -d -s "$here/ctl" -M "$here/mgmt" -p "$here/pid" -t "dt$round" || { echo "round $round failed"; exit 1; }
  [ -S "$here/ctl/ctl" ] && [ -S "$here/mgmt" ] && [ -e "/sys/class/net/dt$round" ] && kill "$(cat "$here/pid")" ||
    { echo "round $round: not usable"; ls -l "$here" "$here/ctl"; exit 1; }
done
`;

describeWith(['root', 'tun', 'ip'], 'a hundred daemons', () => {
  test('the control socket, console, pid file and TAP exist when the command returns and are gone at the end', async () => {
    const home = temporaryDirectory();
    const space = namespace();
    const shell = space.start('sh', ['-c', HUNDRED, 'sh', tsvde, home], { stdin: 'ignore' });
    expect(await shell.exited, shell.stdout() + shell.stderr()).toEqual({ code: 0, signal: null });
    for (let round = 1; round <= 100; round++) {
      const [ctl, mgmt, pid] = ['ctl', 'mgmt', 'pid'].map((name) => `${home}/${round}/${name}`);
      await until(() => !existsSync(ctl!) && !existsSync(mgmt!) && !existsSync(pid!), `the end of daemon ${round}`);
    }
    await until(() => !space.run('ip', '-br', 'link').includes('dt'), 'the end of every TAP');
  }, 300_000);
});

test('a daemon leads its own session, keeps no stream of its parent and stays in its directory', async () => {
  const home = temporaryDirectory();
  const started = start(tsvde, ['-d', '-s', 'ctl', '-p', 'pid', '-M', 'mgmt'], { cwd: home });
  // The output pipes close when the parent exits: the daemon does not hold them open.
  expect(await started.exited).toEqual({ code: 0, signal: null });
  const pid = Number(readFileSync(`${home}/pid`, 'utf8'));
  atEnd(() => endPid(pid, 'SIGKILL'));
  const [, , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  expect(Number(session)).toBe(pid);
  for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toBe('/dev/null');
  expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(home);
  await endPid(pid);
  expect(['ctl', 'pid', 'mgmt'].filter((name) => existsSync(`${home}/${name}`))).toEqual([]);
});

describe('a command whose words only seem to ask for a valid daemon', () => {
  test('-d as a value of another option starts a switch in the foreground, without a child process', async () => {
    const home = temporaryDirectory();
    const started = start(tsvde, ['-p', 'pid', '-s', '-d'], { cwd: home });
    const { pid } = started;
    await until(() => existsSync(`${home}/-d/ctl`) && existsSync(`${home}/pid`), 'the files of the switch');
    expect(readFileSync(`${home}/pid`, 'utf8')).toBe(`${pid}\n`);
    expect(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')).toBe('');
    started.signal('SIGTERM');
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  test.each([
    [['-d', '--help'], 0, /^Usage: tsvde /, /^$/],
    [['--daemon', '--version'], 0, /^VDE .*\ntsvde /, /^$/],
    [['-xd', '-n', '0'], 1, /^$/, /^tsvde: The switch must have at least 1 port\n$/],
    [['-daemon', '--nonsense'], 2, /^$/, /^tsvde: unknown option '--nonsense'/],
  ])('%j ends as without a daemon', async (args, code, stdout, stderr) => {
    const home = temporaryDirectory();
    const result = await run(tsvde, [...args, '-s', 'ctl'], { cwd: home });
    expect(result).toMatchObject({
      code,
      stdout: expect.stringMatching(stdout),
      stderr: expect.stringMatching(stderr),
    });
    expect(existsSync(`${home}/ctl`)).toBe(false);
  });

  test('vde_switch says once which options it ignores, and starts the daemon', async () => {
    const home = temporaryDirectory();
    const result = await run(compat('vde_switch'), ['-d', '-s', 'ctl', '-p', 'pid', '--nonsense'], { cwd: home });
    const pid = Number(readFileSync(`${home}/pid`, 'utf8'));
    atEnd(() => endPid(pid, 'SIGKILL'));
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toMatch(/^vde_switch: unknown option '--nonsense'[^\n]*\n$/);
  });
});

test('a daemon serves the directory of a killed one, and removes it at the end', async () => {
  const home = temporaryDirectory();
  for (let round = 0; round < 2; round++) {
    const pid = await startDaemon(home);
    const clients = [await Recorder.join(`${home}/ctl`), await Recorder.join(`${home}/ctl`, { port: 7 })];
    const ends = clients.map(({ plug }) => new Promise<void>((resolve) => plug.once('close', resolve)));
    await endPid(pid, 'SIGKILL');
    await Promise.all(ends);
  }
  const pid = await startDaemon(home);
  const plug = await Plug.connect(`${home}/ctl`, { port: 7 });
  await endPid(pid);
  plug.close();
  expect(existsSync(`${home}/ctl`)).toBe(false);
});

test('a SIGHUP, as from a closed terminal, does not end a daemon', async () => {
  const home = temporaryDirectory();
  const pid = await startDaemon(home);
  process.kill(pid, 'SIGHUP');
  const plug = await Plug.connect(`${home}/ctl`);
  plug.close();
  expect(isRunning(pid)).toBe(true);
});

/** Runs a reader with a /dev of its own, in which the reader binds /dev/log. */
const WITH_LOG = `
set -e
mkdir "$2/dev"
mount --bind /dev "$2/dev"
mount -t tmpfs tmpfs /dev
ln -s "$2/dev/null" /dev/null
ln -s "$2/dev/urandom" /dev/urandom
exec python3 "$2/reader" "$1" "$2"
`;
/** The first lines of every reader. */
const LOG = `
import os, signal, socket, subprocess, sys, time
program, home = sys.argv[1:]
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind('/dev/log')
def start(*more):
    subprocess.run([program, '-d', '-s', home + '/ctl', '-p', home + '/pid', *more], check=True)
    return int(open(home + '/pid').read())
def be_refused():
    client = socket.socket(socket.AF_UNIX)
    client.connect(home + '/ctl/ctl')
    client.send(b'nonsense')
    client.recv(1)
`;
const READ = `
log.settimeout(10)
pid = start()
be_refused()
print(log.recv(1000).decode())
os.kill(pid, signal.SIGTERM)
print(log.recv(1000).decode(), pid)
`;
/** Causes more log lines than the socket's queue holds, and reads them only after SIGTERM. */
const LATE = `
log.settimeout(2)
pid = start()
for i in range(20): be_refused()
os.kill(pid, signal.SIGTERM)
try:
    while True: print(log.recv(1000).decode())
except TimeoutError: pass
`;
/** Twice causes far more log lines than a daemon keeps, and reads the lines of the first time only. */
const UNREAD = `
def declare(ports):
    open(home + '/rc', 'w').write('vlan/create x\\n' * 2000 + 'port/setnumports %d\\n' % ports)
    os.kill(pid, signal.SIGHUP)
    console = socket.socket(socket.AF_UNIX)
    console.settimeout(10)
    console.connect(home + '/mgmt')
    said = ''
    while 'Numports=%d' % ports not in said:
        console.send(b'port/showinfo\\n')
        said += console.recv(1000).decode()
log.settimeout(2)
open(home + '/rc', 'w').close()
pid = start('-M', home + '/mgmt', '-f', home + '/rc')
try:
    declare(40)
    lines = []
    try:
        while True: lines.append(log.recv(1000).decode())
    except TimeoutError: pass
    be_refused()
    print(lines[0], log.recv(1000).decode(), log.recv(1000).decode(), sum('vlan/create x' in line for line in lines), sep='\\n')
    declare(41)
    os.kill(pid, signal.SIGTERM)
    for i in range(1000):
        if not os.path.exists(home + '/ctl'): break
        time.sleep(0.01)
    print('there' if os.path.exists(home + '/ctl') else 'gone')
finally:
    try: os.kill(pid, signal.SIGKILL)
    except ProcessLookupError: pass
`;

describeWith(['root', 'unshare', 'python3'], 'the system log', () => {
  /** Runs a reader and returns its output. */
  async function read(script: string): Promise<string> {
    const home = temporaryDirectory();
    writeFileSync(`${home}/reader`, LOG + script);
    const reader = await run('unshare', ['--mount', 'sh', '-c', WITH_LOG, 'sh', tsvde, home]);
    expect(reader.stderr).toBe('');
    return reader.stdout;
  }

  test('a daemon sends to the system log what a foreground switch prints on stderr', async () => {
    const [refused, ended] = (await read(READ)).split('\n');
    expect(refused).toMatch(
      /^<28>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d tsvde\[\d+\]: refused a client \(pid \d+, uid 0\): /,
    );
    const [, logged, pid] = /tsvde\[(\d+)\]: Caught signal 15, cleaning up and exiting (\d+)$/.exec(ended!)!;
    expect(logged).toBe(pid);
  });

  test('a daemon delivers queued log lines before it exits', async () => {
    const lines = (await read(LATE)).trimEnd().split('\n');
    expect(lines.filter((line) => line.includes('refused a client')).length).toBe(20);
    expect(lines.at(-1)).toMatch(/Caught signal 15/);
  });

  test('a full log socket delays neither consoles, clients nor shutdown, and lost lines are counted', async () => {
    const [first, lost, refused, said, end] = (await read(UNREAD)).split('\n');
    expect(first).toMatch(/^<30>.* tsvde\[\d+\]: Caught signal 1: reading '.*' again$/);
    const [, count] = /^<28>.* tsvde\[\d+\]: (\d+) log lines were lost: nobody read them$/.exec(lost!)!;
    expect(Number(said) + Number(count)).toBe(2000);
    expect(refused).toMatch(/: refused a client /);
    expect(end).toBe('gone');
  }, 20_000);
});
