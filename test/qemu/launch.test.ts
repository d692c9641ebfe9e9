// tsvdeq executes QEMU in its own process: a script in place of QEMU reports what it was given.
import { chmodSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { run, start, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const FAKE = `#!/bin/sh
if [ "$*" = "-netdev help" ]; then printf 'Available netdev backend types:\\ndgram\\nhubport\\nstream\\nvde\\n'; exit; fi
case $1 in
  report)
    grep -E '^Sig(Ign)' /proc/$$/status
    echo "limit $(ulimit -Sn)"
    for fd in 0 1 2; do grep flags /proc/$$/fdinfo/$fd; done
    for fd in /proc/$$/fd/*; do echo "fd \${fd##*/} $(readlink "$fd")"; done
    env | grep -E '^(TSVDE|PWD)'
    ;;
  arguments) for word in "$0" "$@"; do echo "<$word>"; done; echo "pid $$" ;;
  bytes) for area in cmdline environ; do od -An -v -tx1 /proc/$$/$area; echo; done ;;
  wait) echo ready; exec sleep 60 ;;
  echo) cat ;;
  fail) exit 7 ;;
esac
`;

let home: string;
let fake: string;
beforeAll(() => {
  home = temporaryDirectory();
  fake = `${home}/qemu-fake`;
  writeFileSync(fake, FAKE, { mode: 0o755 });
});

const through = (directory: string, ...args: string[]) => ['-vdesock', directory, fake, ...args];

test('QEMU gets the pid of tsvdeq, its own arguments and a descriptor of the switch', async () => {
  const { directory } = await network();
  const started = start(
    tsvdeq,
    through(directory, 'arguments', '', 'a  b', '-net', 'nic,model=e1000,macaddr=52:54:00:00:00:01'),
  );
  expect((await started.exited).code).toBe(0);
  const lines = started.stdout().trim().split('\n');
  expect(lines).toEqual([
    `<${fake}>`,
    '<arguments>',
    '<>',
    '<a  b>',
    '<-netdev>',
    expect.stringMatching(/^<dgram,id=vlan0-vde,local\.type=fd,local\.str=\d+>$/),
    '<-net>',
    '<nic,netdev=vlan0-vde,model=e1000,macaddr=52:54:00:00:00:01>',
    `pid ${started.pid}`,
  ]);
  expect(started.stderr()).toBe('');
});

describe('signals, streams, limits, descriptors and environment', () => {
  const WAYS: Record<string, string> = {
    plainly: 'exec "$@"',
    'with ignored signals': 'trap \'\' HUP PIPE QUIT; exec "$@"',
    'with a low limit of open files': 'ulimit -Sn 200; exec "$@"',
    'with inherited descriptors': 'exec "$@" 5</dev/null 9</etc/passwd 40</dev/null',
    'with the ends of pipes inherited': 'sleep 0 | "$@" 7<&0 8<&0',
    'with streams that are files': 'exec "$@" </etc/passwd',
  };
  // Leaves out what always differs: inode numbers, the two descriptors of the switch and that of the NIC's address.
  const comparable = (stdout: string) =>
    stdout
      .replace(/(pipe|socket):\[\d+\]/g, '$1')
      .replace(/^fd (?:\d+) socket\n/gm, (line) => (/ [012] /.test(line) ? line : ''));

  test.each(Object.entries(WAYS))('QEMU started %s inherits the same through tsvdeq as directly', async (_, line) => {
    const { directory } = await network();
    const directly = await run('sh', ['-c', line, 'sh', fake, 'report']);
    const wrapped = await run('sh', ['-c', line, 'sh', tsvdeq, ...through(directory, 'report')]);
    expect(directly.stdout).toContain('fd 1 ');
    expect(comparable(wrapped.stdout)).toBe(comparable(directly.stdout));
    expect(
      wrapped.stdout.match(/^fd \d+ socket/gm)!.length - (directly.stdout.match(/^fd \d+ socket/gm)?.length ?? 0),
    ).toBe(3);
  });
});

describe('bytes that are not UTF-8', () => {
  const LATIN1 = 'caf\xe9.img';
  const HIGH = String.fromCharCode(...Array.from({ length: 128 }, (_, i) => 0x80 + i));
  const octal = (bytes: string) => bytes.replaceAll(/[\x80-\xff]/g, (byte) => `\\${byte.charCodeAt(0).toString(8)}`);
  const SET = `latin1=$(printf '${octal(LATIN1)}'); HIGH=$(printf '${octal(HIGH)}'); export HIGH`;
  const WORDS = `bytes -hda "$latin1" "$HIGH" "é💀 $latin1" é💀 � ''`;

  /** Runs a line of sh after SET; returns the arguments and the environment that the program reports. */
  async function given(line: string, ...command: string[]): Promise<{ words: string[]; environment: string[] }> {
    const { stdout } = await run('sh', ['-c', `${SET}; ${line}`, 'sh', ...command]);
    const [words, environment] = stdout
      .split('\n\n')
      .map((hex) => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex').toString('latin1').split('\0').slice(0, -1));
    return { words: words!, environment: environment!.sort() };
  }

  test('bytes that are not UTF-8 reach QEMU unchanged in arguments and environment', async () => {
    const { directory } = await network();
    const line = `exec "$@" ${WORDS}`;
    const directly = await given(line, fake);
    expect(directly.words).toContain(LATIN1);
    expect(directly.environment).toContain(`HIGH=${HIGH}`);
    const wrapped = await given(line, tsvdeq, ...through(directory));
    expect(wrapped.words.slice(0, directly.words.length)).toEqual(directly.words);
    expect(wrapped.environment).toEqual(directly.environment);
  });

  test('bytes that are not UTF-8 are printed by --print', async () => {
    const directly = await given(`exec "$@" ${WORDS}`, fake);
    const shown = await given(`eval "$("$@" ${WORDS})"`, tsvdeq, '--print', ...through(home));
    expect(shown.words.slice(0, directly.words.length)).toEqual(directly.words);
  });

  test('bytes that are not UTF-8 stay in a rewritten argument', async () => {
    const { directory } = await network();
    const net = 'bytes -net "user,vlan=1,tftp=/$latin1"';
    const { words } = await given(`exec "$@" ${net}`, tsvdeq, ...through(directory));
    expect(words).toContain(`user,id=vlan1-user,tftp=/${LATIN1}`);
  });
});

test('the exit status and the signal of QEMU are passed on', async () => {
  const { directory } = await network();
  expect(await run(tsvdeq, through(directory, 'fail'))).toMatchObject({ code: 7, stdout: '' });
  const started = start(tsvdeq, through(directory, 'wait'));
  await started.output(/ready/);
  started.signal('SIGUSR1');
  expect(await started.exited).toEqual({ code: null, signal: 'SIGUSR1' });
});

test('QEMU reads every byte of stdin', async () => {
  const { directory } = await network();
  const started = start(tsvdeq, through(directory, 'echo'));
  const text = 'system_powerdown\n'.repeat(20_000);
  started.stdin.end(text);
  expect((await started.exited).code).toBe(0);
  expect(started.stdout() === text).toBe(true);
});

test('the port is active as long as QEMU runs', async () => {
  const { directory, sw } = await network();
  const started = start(tsvdeq, ['-vdesock', `${directory}[9]`, fake, 'wait']);
  await started.output(/ready/);
  const { endpoints } = sw.ports.list().find(({ number }) => number === 9)!;
  expect(endpoints[0]!.description).toContain(`tsvdeq user=`);
  expect(endpoints[0]!.description).toContain(`pid=${started.pid}`);
  await started.stop('SIGKILL');
  await until(() => sw.ports.list().every(({ endpoints }) => endpoints.length === 0), 'the port without an endpoint');
});

describe('errors of tsvdeq', () => {
  const NIC = ['arguments', '-net', 'nic'];
  const rows: [string, () => string[], number, string | RegExp][] = [
    ['a missing switch', () => through(`${home}/none`, ...NIC), 1, /^tsvdeq: .*\/none.*No such file or directory.*\n$/],
    [
      'a missing program',
      () => ['-vdesock', home, 'qemu-of-no-kind'],
      127,
      "tsvdeq: there is no program 'qemu-of-no-kind' on the PATH\n",
    ],
    ['a missing file', () => ['-vdesock', home, './qemu'], 127, "tsvdeq: there is no program './qemu'\n"],
    [
      'a command line without QEMU',
      () => ['-vdesock', home],
      2,
      /^tsvdeq: name the QEMU to run, for example: tsvdeq -vdesock .*\n$/,
    ],
    ['an unknown option', () => ['--frob', fake], 2, /^tsvdeq: .*--frob.*\n$/],
    ['an invalid mode', () => ['--mod', '9', fake], 2, "tsvdeq: '9' is not a mode: give it in octal, like 700\n"],
    [
      'an unknown backend',
      () => ['--via', 'pipe', fake],
      2,
      /^tsvdeq: .*'pipe' is invalid.* vde, dgram, stream, vhost-user, auto\.\n$/,
    ],
    [
      '--mod with --via stream',
      () => ['--via', 'stream', '--mod', '700', fake],
      2,
      'tsvdeq: --mod and --via stream exclude each other: QEMU then has no socket of its own\n',
    ],
    [
      'a missing switch for --via vde',
      () => ['--via', 'vde', ...through(`${home}/none`, ...NIC)],
      1,
      /^tsvdeq: cannot join the switch at '.*\/none\/ctl': No such file or directory\n$/,
    ],
    [
      'a directory for --via stream',
      () => ['--via', 'stream', ...through(home, ...NIC)],
      1,
      /^tsvdeq: cannot join the switch at '.*': it is a directory; name the socket of a port that was attached with --port stream,.*\n$/,
    ],
    ['an invalid vlan', () => through(home, 'arguments', '-net', 'nic,vlan=x'), 1, 'tsvdeq: vlan=x is not a number\n'],
  ];
  test.each(rows)('%s is refused with one sentence, and QEMU is not started', async (_, args, code, message) => {
    const result = await run(tsvdeq, args());
    expect(result.stderr.replaceAll(/^tsvdeq: a NIC without.*\n/gm, '')).toMatch(message);
    expect(result).toMatchObject({ code, signal: null, stdout: '' });
  });

  test('a file that is not executable is exit code 126', async () => {
    writeFileSync(`${home}/text`, 'text');
    chmodSync(`${home}/text`, 0o644);
    expect(await run(tsvdeq, ['-vdesock', home, `${home}/text`])).toMatchObject({
      code: 126,
      stderr: `tsvdeq: cannot run '${home}/text': Permission denied\n`,
    });
  });

  test('a missing second switch releases the port of the first switch', async () => {
    const { directory, sw } = await network();
    expect((await run(tsvdeq, through(`${directory},${home}/none`, ...NIC))).code).toBe(1);
    await until(() => sw.ports.list().every(({ endpoints }) => endpoints.length === 0), 'no port in use');
  });

  test('a file that is not a program is exit code 126 and releases the port', async () => {
    const { directory, sw } = await network();
    writeFileSync(`${home}/binary`, '\x7fELF of no kind', { mode: 0o755 });
    const result = await run(tsvdeq, ['-vdesock', directory, `${home}/binary`]);
    expect(result.code).toBe(126);
    expect(result.stderr).toMatch(/cannot run '.*binary': Exec format error\n$/);
    await until(() => sw.ports.list().every(({ endpoints }) => endpoints.length === 0), 'no port in use');
  });
});

test('a wrapper script without a usable answer to -netdev help is started all the same', async () => {
  const { directory } = await network();
  const script = `${home}/wrapper`;
  writeFileSync(script, '#!/bin/sh\n[ "$2" = help ] && { echo usage: none; exit 3; }\necho "$@"\n', { mode: 0o755 });
  const { code, stdout } = await run(tsvdeq, ['-vdesock', directory, script, '-net', 'nic,macaddr=52:54:00:00:00:01']);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      /^-netdev socket,id=vlan0-vde,fd=\d+ -net nic,netdev=vlan0-vde,macaddr=52:54:00:00:00:01\n$/,
    ),
  });
});

describe('options of tsvdeq', () => {
  const SPELLINGS: string[][] = [
    ['-vdesock', 'SOCK', 'QEMU'],
    ['--vdesock=SOCK', 'QEMU'],
    ['-sock', 'SOCK', 'QEMU'],
    ['--sock', 'SOCK', 'QEMU'],
    ['-unix', 'SOCK', 'QEMU'],
    ['--mod', '0770', '-vdesock', 'SOCK', 'QEMU'],
    ['QEMU', '-sock', 'SOCK'],
    ['QEMU', '-vdesock', 'SOCK', '--mod', '700'],
    ['QEMU', '-unix=SOCK'],
  ];
  test.each(SPELLINGS.map((words) => [words.join(' '), words] as const))('%s is understood', async (_, words) => {
    const args = words.map((word) => word.replace('SOCK', `${home}/s1,${home}/s2`).replace('QEMU', fake));
    const { stdout, code } = await run(tsvdeq, ['--print', ...args, 'frob']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/qemu-fake frob -netdev dgram,id=vlan0-vde.* -netdev dgram,id=vlan1-vde/);
  });

  test('a shell reads the output of --print as the same words', async () => {
    const odd = ['arguments', "it's", 'a b', '$HOME', '', '*', '-net', 'nic,macaddr=52:54:00:00:00:01'];
    const { stdout } = await run(tsvdeq, ['--print', '-vdesock', home, fake, ...odd]);
    const again = await run('sh', ['-c', stdout]);
    expect(again.stdout.split('\n').slice(0, 7)).toEqual([`<${fake}>`, ...odd.slice(0, 6).map((word) => `<${word}>`)]);
  });
});

describeWith(['vde_switch'], 'Debian’s vde_switch', () => {
  test('vde_switch has a port for QEMU until QEMU ends', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const sw = await startVdeSwitch(directory);
    const started = start(tsvdeq, through(directory, 'wait'));
    await started.output(/ready/);
    sw.stdin.write('port/print\n');
    await sw.output(new RegExp(`endpoint ID 00\\d+ module unix prog\\s+: tsvdeq user=\\w+ pid=${started.pid}`));
    /** Returns whether the switch shows an endpoint now. The switch echoes no commands. */
    const shown = async () => {
      const before = sw.stdout().length;
      sw.stdin.write('port/allprint\n');
      const reply = await until(() => /^[\s\S]*1000 Success/.exec(sw.stdout().slice(before))?.[0], 'a reply');
      return /endpoint ID/.test(reply);
    };
    expect(await shown()).toBe(true);
    await started.stop('SIGKILL');
    await until(async () => !(await shown()), 'the end of the port');
  });
});
