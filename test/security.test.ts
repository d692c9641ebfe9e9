// SECURITY.md's table of who can do what: the tests that it names exist. What users of each group reach and change.
import { chmodSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ConsoleClient } from './support/console.ts';
import { describeWith } from './support/needs.ts';
import { Recorder } from './support/network.ts';
import { run } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { startTsvde } from './support/tsvde.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const PYTHON = '/usr/bin/python3';
/** Debian's groups daemon and bin. */
const [SWITCH_GROUP, CONSOLE_GROUP] = [1, 2];

test('every cell of the table names tests, which exist', () => {
  const [, table] = /^### Who can do what, and the test of each\n([\s\S]*?)^### /m.exec(
    readFileSync(`${root}SECURITY.md`, 'utf8'),
  )!;
  const rows = [...table!.matchAll(/^\| (?!---|\|)(.*) \|$/gm)].map(([, row]) => row!.split(' | '));
  expect(rows.length).toBeGreaterThan(10);
  for (const [what, ...cells] of rows) {
    expect(cells, what).toHaveLength(4);
    for (const cell of cells) {
      const named = [...cell.matchAll(/`([\w./-]+\/[\w-]+|security|conformance)` ((?:\*[^*]+\*(?:, )?)+)/g)];
      expect(named.length, `${what}: ${cell}`).toBeGreaterThan(0);
      for (const [, file, names] of named)
        for (const [, name] of names!.matchAll(/\*([^*]+)\*/g))
          expect(titles(file!), `${file}: ${name}`).toContain(name);
    }
  }
});

/** Returns the lines of a file of tests that have the titles of tests or of suites. */
function titles(file: string): string {
  const path = file.startsWith('..') ? `${file}.cc` : file === 'conformance' ? `${file}.ts` : `${file}.test.ts`;
  const lines = readFileSync(`${root}test/${path}`, 'utf8').split('\n');
  return lines.filter((line) => /^\s*(test|describe|TEST|\]\)|\[?['"`])/.test(line)).join('\n');
}

describeWith(
  ['root', 'setpriv', PYTHON],
  'the sockets of a switch with a group for clients and one for the console',
  () => {
    /** Returns the output, for a user of these groups, of the Python code, which has the path as sys.argv[1]. */
    async function asked(group: number | undefined, code: string, path: string): Promise<string> {
      const groups = group === undefined ? '--clear-groups' : `--groups=${group}`;
      const attempt = `import os, socket, sys
path = sys.argv[1]
try: ${code}; print('yes')
except PermissionError: print('no')`;
      const words = ['--reuid=65534', '--regid=65534', groups, PYTHON, '-c', attempt, path];
      return (await run('setpriv', words)).stdout.trim();
    }

    async function switchWithGroups(...args: string[]) {
      const home = temporaryDirectory();
      chmodSync(home, 0o755);
      const options = ['-m', '660', '-g', 'daemon', '-M', `${home}/mgmt`, '--mgmtmode', '660', '--mgmtgroup', 'bin'];
      return { ...(await startTsvde([...options, ...args], { cwd: home })), mgmt: `${home}/mgmt` };
    }

    test.each([
      ['a user of neither group reaches neither socket', undefined, 'no', 'no'],
      ["a member of the console's group reaches only the console", CONSOLE_GROUP, 'no', 'yes'],
      ["a member of the switch's group reaches only the control socket", SWITCH_GROUP, 'yes', 'no'],
    ])('%s, and replaces no socket', async (_, group, ctl, console) => {
      const { directory, mgmt } = await switchWithGroups();
      const { plug } = await Recorder.join(directory);
      const connects = 'socket.socket(socket.AF_UNIX).connect(path)';
      const sockets = [`${directory}/ctl`, mgmt, plug.switchPath];
      expect([await asked(group, connects, sockets[0]!), await asked(group, connects, mgmt)]).toEqual([ctl, console]);
      for (const path of sockets) {
        expect(await asked(group, "os.rename(path, path + '-mine')", path)).toBe('no');
        expect(await asked(group, 'os.unlink(path)', path)).toBe('no');
      }
      expect(await asked(group, "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x' * 60, path)", sockets[2]!)).toBe('no'); // biome-ignore format: a row
    });

    test('any user reads the metrics of 127.0.0.1, and changes nothing', async () => {
      const { started, mgmt } = await switchWithGroups('--metrics', '0');
      const console = await ConsoleClient.connect(mgmt);
      const [, port] = /127\.0\.0\.1:(\d+)\/metrics/.exec(await console.ask('showinfo'))!;
      const before = await console.ask('port/allprint');
      const request = `import http.client, socket, sys
for method in 'GET', 'POST', 'PUT', 'DELETE', 'OPTIONS':
    connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
    connection.request(method, '/metrics', body=None if method == 'GET' else 'port/create 9')
    print(connection.getresponse().status)
for i in range(100): socket.create_connection(('127.0.0.1', int(sys.argv[1]))).send(b'\\0\\x1b[2J garbage\\r\\n\\r\\n')`;
      const outsider = ['--reuid=65534', '--regid=65534', '--clear-groups', PYTHON, '-c', request, port!];
      expect((await run('setpriv', outsider)).stdout).toBe('200\n405\n405\n405\n405\n');
      expect(await console.ask('port/allprint')).toBe(before);
      expect(started.stderr().trim().split('\n')).toEqual([expect.stringContaining('serving metrics on')]);
    });

    test("a member of the console's group does not fill the log", async () => {
      const { started, mgmt } = await switchWithGroups();
      const code = `import socket, sys
for i in range(300):
    console = socket.socket(socket.AF_UNIX); console.connect(sys.argv[1])
    for command in 'nonsense', 'port/print x', 'load /etc/shadow', 'port/attach user', 'plugin/add x', 'port/setname 1 \\x1b[2J':
        console.send(command.encode() + b'\\n')
    console.recv(4096)
print('done')`;
      const member = ['--reuid=65534', '--regid=65534', `--groups=${CONSOLE_GROUP}`, PYTHON, '-c', code, mgmt];
      expect((await run('setpriv', member)).stdout).toBe('done\n');
      expect(await (await ConsoleClient.connect(mgmt)).ask('showinfo')).toContain('1000 Success');
      expect(started.stderr().split('\n').length).toBeLessThan(25);
    });
  },
);
