// SECURITY.md's table of who can do what: the tests that it names exist, and each column's user reaches only the sockets
// that the column says.
import { chmodSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith } from './support/needs.ts';
import { run } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { startTsvde } from './support/tsvde.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const PYTHON = '/usr/bin/python3';
/** Debian's groups daemon and bin. */
const [SWITCH_GROUP, CONSOLE_GROUP] = [1, 2];

test('every test that the table names exists', () => {
  const [, table] = /^### Who can do what, and the test of each\n([\s\S]*?)^### /m.exec(
    readFileSync(`${root}SECURITY.md`, 'utf8'),
  )!;
  const named = [...table!.matchAll(/`([\w./-]+\/[\w-]+|security)` ((?:\*[^*]+\*(?:, )?)+)/g)];
  expect(named.length).toBeGreaterThan(15);
  for (const [, file, names] of named) {
    const text = readFileSync(`${root}test/${file}${file!.startsWith('..') ? '.cc' : '.test.ts'}`, 'utf8');
    for (const [, name] of names!.matchAll(/\*([^*]+)\*/g))
      expect(text, `${file}: ${name}`).toContain(name!.replaceAll('\n', ' '));
  }
});

describeWith(
  ['root', 'setpriv', PYTHON],
  'the sockets of a switch with a group for clients and one for the console',
  () => {
    test.each([
      ['an outsider reaches neither socket', undefined, 'no', 'no'],
      ["a member of the console's group reaches only the console", CONSOLE_GROUP, 'no', 'yes'],
      ["a member of the switch's group reaches only the control socket", SWITCH_GROUP, 'yes', 'no'],
    ])('%s', async (_, group, ctl, mgmt) => {
      const home = temporaryDirectory();
      chmodSync(home, 0o755);
      const { directory } = await startTsvde(
        ['-m', '660', '-g', 'daemon', '-M', `${home}/mgmt`, '--mgmtmode', '660', '--mgmtgroup', 'bin'],
        { cwd: home },
      );
      const reaches = async (path: string) => {
        const code = `import socket, sys
try: socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print('yes')
except PermissionError: print('no')`;
        const groups = group === undefined ? '--clear-groups' : `--groups=${group}`;
        const words = ['--reuid=65534', '--regid=65534', groups, PYTHON, '-c', code, path];
        return (await run('setpriv', words)).stdout.trim();
      };
      expect([await reaches(`${directory}/ctl`), await reaches(`${home}/mgmt`)]).toEqual([ctl, mgmt]);
    });
  },
);
