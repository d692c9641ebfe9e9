// dump, pdump and iplog compared with Debian's vde_switch: the same commands and frames give the same replies and
// files. Each deliberate difference is shown on both sides.
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { randomFrom } from '../conformance.ts';
import { ConsoleClient, serveConsole } from '../support/console.ts';
import { ipFrame } from '../support/ip-frame.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

interface Side {
  console: ConsoleClient;
  directory: string;
  /** The directory of this side's files. */
  home: string;
  /** Resolves with the debug lines since the last reply, once there are `count`. */
  lines(count: number): Promise<string[]>;
}

async function both(...plugins: string[]): Promise<{ theirs: Side; ours: Side }> {
  const home = temporaryDirectory();
  await startVdeSwitch(`${home}/vde`, ['-M', `${home}/mgmt`]);
  const theirs = await until(
    () => ConsoleClient.connect(`${home}/mgmt`).catch(() => undefined),
    "vde_switch's console",
  );
  const net = await network();
  const ours = await (await serveConsole(net)).connect();
  for (const name of plugins) for (const client of [theirs, ours]) await client.ask(`plugin/add ${name}`);
  return {
    theirs: side(theirs, `${home}/vde`, home),
    ours: side(ours, net.directory, temporaryDirectory()),
  };
}

function side(console: ConsoleClient, directory: string, home: string): Side {
  const lines = async (count: number) => {
    let said = '';
    await until(
      () => {
        said += console.take();
        return said.split('\n').length > count;
      },
      () => `${count} lines, after: ${said}`,
    );
    return said.split('\n').slice(0, -1);
  };
  return { console, directory, home, lines };
}

/** Masks help texts, which are tsvde's own, and the directory of the files. */
function masked(reply: string, { home }: Side): string {
  return reply
    .replaceAll(home, 'HOME')
    .replace(/^(\S+ +\d{3} (?:ON |OFF) +).*$/gm, '$1HELP')
    .replace(/^(\S+ +(?:0\/1|N|port|user|ipaddr|ipaddr\/mask|pathname|=+| ) +)\S.*$/gm, '$1HELP')
    .replace(/^(?:dump|pdump|iplog) +not loaded: .*\n/gm, '') // only tsvde lists plugins that are not loaded
    .replace(/^((?:dump|pdump|iplog) +)\S.*$/gm, '$1HELP');
}

async function expectSame({ theirs, ours }: { theirs: Side; ours: Side }, command: string, context = command) {
  const [expected, got] = await Promise.all(
    [theirs, ours].map(async (one) => masked(await one.console.ask(command.replaceAll('HOME', one.home)), one)),
  );
  expect(got, context).toBe(expected);
}

const FIRST = '02:00:00:00:00:01';
const SECOND = '02:00:00:00:00:02';
const DATA = "0000 DATA END WITH '.'\n";
const OK = '1000 Success\n';
const INVALID = '1022 Invalid argument\n';
const NO_FILE = '1002 No such file or directory\n';

describeWith(['vde_switch', 'root'], 'the plugins compared with vde_switch', () => {
  test('names, commands and debug categories are the same', async () => {
    const pair = await both('dump', 'iplog');
    for (const command of [
      'plugin/list',
      'plugin/add dump',
      'plugin/add /usr/lib/vde2/plugins/iplog.so',
      'debug/list dump',
      'debug/list iplog',
      'help dump',
      'help iplog',
      'plugin/del du',
      'dump/active 1',
      'help dump',
      'debug/list dump',
      'plugin/add pdump',
      'debug/list pdump',
      'plugin/list',
      'plugin/del',
      'plugin/list',
    ])
      await expectSame(pair, command);
  });

  test('dump prints the same lines for the same frames', async () => {
    const pair = await both('dump');
    await expectSame(pair, 'debug/add dump');
    await expectSame(pair, 'dump/active 1');
    await expectSame(pair, 'dump/active 1');
    const frames = [frame(BROADCAST, FIRST, 60, 1), frame(BROADCAST, FIRST, 61, 2), frame(BROADCAST, FIRST, 1514, 3)];
    const said = [];
    for (const { directory, lines } of [pair.theirs, pair.ours]) {
      const a = await Recorder.join(directory, { port: 3 });
      const b = await Recorder.join(directory, { port: 12 });
      for (const one of frames) a.send(one);
      await b.receives(frames[2]!);
      b.send(frame(FIRST, SECOND, 100));
      said.push(await lines(8));
    }
    // vde_switch reports each frame on arrival and on departure. tsvde reports all frames of a burst on arrival, and
    // then all of them on departure.
    expect(said[1]!.toSorted()).toEqual(said[0]!.toSorted());
    await expectSame(pair, 'dump/active 0');
  });

  test('pdump commands get the same replies', async () => {
    const pair = await both('pdump');
    for (const command of [
      'pdump/filename',
      'pdump/active 0',
      'pdump/filename HOME/one.cap',
      'pdump/filename',
      'pdump/active 1',
      'pdump/active 1',
      'pdump/filename HOME/two words.cap',
      'pdump/filename',
      'pdump/buffered 1',
      'pdump/buffered 0',
      'pdump/active 0',
      'pdump/active 0',
      'pdump/active 1',
      'debug/add pdump',
      'plugin/del pdump',
      'pdump/active 0',
    ])
      await expectSame(pair, command);
    for (const { home } of [pair.theirs, pair.ours]) expect(statSync(`${home}/one.cap`).mode & 0o777).toBe(0o600);
  });

  test.each(['0', '1'])('pdump writes the same file with buffered %s', async (buffered) => {
    const pair = await both('pdump');
    for (const { console, directory, home } of [pair.theirs, pair.ours]) {
      for (const command of [`filename ${home}/a.cap`, `buffered ${buffered}`, 'active 1'])
        await console.ask(`pdump/${command}`);
      const a = await Recorder.join(directory, { port: 3 });
      const b = await Recorder.join(directory, { port: 4 });
      for (const size of [60, 96, 97, 1514]) {
        a.send(frame(BROADCAST, FIRST, size, size));
        await b.receives(frame(BROADCAST, FIRST, size, size));
      }
      if (buffered === '0') await until(() => statSync(`${home}/a.cap`).size === SIZE, 'the frames in the file');
      await console.ask('pdump/active 0');
      await console.ask('pdump/active 1');
      b.send(frame(FIRST, SECOND, 70));
      await a.receives(frame(FIRST, SECOND, 70));
      await console.ask('plugin/del pdump');
    }
    const [expected, got] = [pair.theirs, pair.ours].map(({ home }) => timeless(readFileSync(`${home}/a.cap`)));
    expect(got).toEqual(expected);
  });

  test('random iplog commands get the same replies', async () => {
    for (const seed of [1, 2, 3]) {
      const pair = await both('iplog');
      const below = randomFrom(seed);
      const given: string[] = [];
      for (let i = 0; i < 200; i++) {
        given.push(randomIplogCommand(below));
        await expectSame(pair, given.at(-1)!, `seed ${seed}, after:\n${given.slice(-20).join('\n')}`);
      }
    }
  });

  test('iplog/logfile gets the same replies and creates files of the same mode', async () => {
    const pair = await both('iplog');
    for (const name of ['HOME/log', 'HOME/log', '/nowhere/x', 'HOME/two words', '/tmp', '']) {
      await expectSame(pair, `iplog/logfile ${name}`);
      await expectSame(pair, 'iplog/showinfo');
    }
    for (const { home } of [pair.theirs, pair.ours]) expect(statSync(`${home}/two words`).mode & 0o777).toBe(0o600);
  });

  test('iplog reports the same lines for the same frames', async () => {
    const pair = await both('iplog');
    for (const command of ['ipadd 10.0.0.0/8', 'ipadd fd00::/16', 'ipadd ::/96', 'logfile HOME/log'])
      await expectSame(pair, `iplog/${command}`);
    await expectSame(pair, 'debug/add iplog');
    const said = [];
    for (const { directory, lines, home } of [pair.theirs, pair.ours]) {
      const a = await Recorder.join(directory, { port: 3, description: 'the "first" one' });
      const b = await Recorder.join(directory, { port: 4, description: 'second' });
      await Recorder.join(directory, { port: 4, description: 'third' });
      await sendOneByOne(a, b, [
        ipFrame('10.0.0.1'),
        ipFrame('10.0.0.1'),
        ipFrame('10.0.0.1', { mac: '02:00:00:00:00:09' }),
        ipFrame('11.0.0.1'),
        ipFrame('10.0.0.2', { first: 0x65 }),
        ipFrame('10.0.0.3', { first: 0x44 }),
        ipFrame('10.0.0.4', { first: 0x4f }),
        ipFrame('fd00:0:0:0:0:0:0:1'),
        ipFrame('fd00:0:0:0:0:0:0:2', { first: 0x40 }),
        ipFrame('fd01:0:0:0:0:0:0:1'),
        ipFrame('0:0:0:0:0:0:0:0'),
        ipFrame('0:0:0:0:0:0:102:304'),
        ipFrame('fd00:0:1:0:0:0:0:1'),
      ]);
      await sendOneByOne(b, a, [ipFrame('10.0.0.9', { mac: SECOND })]);
      said.push(await lines(7));
      const told = said.at(-1)!.map((line) => `TIME ${line.replace('3301 iplog/newip ', '')}\n`);
      const logged = () => timelessLog(readFileSync(`${home}/log`, 'utf8'));
      await until(
        () => logged() === told.join(''),
        () => `the same lines in the file, not: ${logged()}`,
      );
    }
    expect(said[1]).toEqual(said[0]);
    for (const command of ['ipport 3', 'ipport 4', 'ipport 99', 'ipuser root', 'ipuser 0', 'ipuser daemon'])
      await expectSameLines(pair, `iplog/${command}`);
    for (const command of ['iplist', 'ipsearch 10.0.0.9', 'ipsearch FD00::0:1', 'ipsearch 10.0.0.77', 'showinfo'])
      await expectSameLines(pair, `iplog/${command}`);
  });

  test.each([
    ['vde_switch', startVdeSwitch],
    [
      'tsvde',
      async (directory: string, args: string[]) => (await startTsvde(args, { cwd: dirname(directory) })).started,
    ],
  ] as const)('iplog of %s continues in a new file at SIGHUP', async (_, startSwitch) => {
    const home = temporaryDirectory();
    const started = await startSwitch(`${home}/ctl`, ['-M', `${home}/mgmt`]);
    const console = await ConsoleClient.connect(`${home}/mgmt`);
    for (const command of ['plugin/add iplog', `iplog/logfile ${home}/log`, 'iplog/ipadd 10.0.0.0/8'])
      expect(await console.ask(command)).toBe(OK);
    renameSync(`${home}/log`, `${home}/log.1`);
    started.signal('SIGHUP');
    await until(() => existsSync(`${home}/log`), 'a new file');
    await until(
      () => readFileSync(`${home}/log`, 'utf8').endsWith('SIGHUP: opening file\n'),
      'the first line of the new file',
    );
    expect(readFileSync(`${home}/log.1`, 'utf8')).toMatch(/SIGHUP: closing file\n$/);
    const [a, b] = [await Recorder.join(`${home}/ctl`), await Recorder.join(`${home}/ctl`)];
    await sendOneByOne(a, b, [ipFrame('10.0.0.1')]);
    await until(() => readFileSync(`${home}/log`, 'utf8').includes('ipv4 10.0.0.1'), 'the address');
  });

  test('iplog drops the addresses of a closed port', async () => {
    const pair = await both('iplog');
    await expectSame(pair, 'iplog/ipadd 10.0.0.0/8');
    for (const { console, directory } of [pair.theirs, pair.ours]) {
      const a = await Recorder.join(directory, { port: 3 });
      const b = await Recorder.join(directory, { port: 4 });
      await sendOneByOne(a, b, [ipFrame('10.0.0.1')]);
      await sendOneByOne(b, a, [ipFrame('10.0.0.2', { mac: SECOND })]);
      await until(async () => /0\.1 .*\n.*0\.2 /.test(await console.ask('iplog/iplist')), 'both addresses');
      a.plug.close();
      await until(
        async () => !(await console.ask('iplog/iplist')).includes('10.0.0.1'),
        'the first address to be dropped',
      );
    }
    await expectSame(pair, 'iplog/iplist');
  });

  test.each([
    ['a missing number is refused', 'dump/active', OK, INVALID],
    ['a missing number is refused', 'iplog/setgcint', OK, INVALID],
    ['a missing number is refused', 'iplog/ipport', `${DATA}.\n${OK}`, `${DATA}.\n${INVALID}`],
    ['a word that is not a number is refused', 'iplog/setexpire x', OK, INVALID],
    ['a length out of range is refused', 'iplog/ipadd 10.0.0.0/33', OK, INVALID],
    ['a length that is not a number is refused', 'iplog/ipadd 10.0.0.0/255.0.0.0', OK, INVALID],
    ['an octal address is refused', 'iplog/ipadd 010.0.0.1', OK, INVALID],
    ['an address with a zone is refused', 'iplog/ipadd fe80::1%lo', OK, INVALID],
    ['a file that is not regular is refused', 'iplog/logfile /dev/full', OK, NO_FILE],
  ])('%s: %s', async (_, command, expected, own) => {
    const { theirs, ours } = await both('dump', 'iplog');
    expect(await theirs.console.ask(command)).toBe(expected);
    expect(await ours.console.ask(command)).toBe(own);
  });

  test('a plugin that stops leaves the others as they are, where vde_switch makes iplog deaf', async () => {
    const { theirs, ours } = await both('iplog', 'pdump');
    for (const { console } of [theirs, ours])
      for (const command of ['iplog/ipadd 10.0.0.0/8', 'pdump/active 0']) await console.ask(command);
    for (const { directory } of [theirs, ours]) {
      const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
      const sent = ipFrame('10.0.0.1');
      a.send(sent);
      await b.receives(sent);
    }
    await until(async () => (await ours.console.ask('iplog/iplist')).includes('10.0.0.1'), 'the address');
    expect(await theirs.console.ask('iplog/iplist')).not.toContain('10.0.0.1');
  });

  test('a capture file that cannot be opened changes nothing, where vde_switch keeps its name', async () => {
    const { theirs, ours } = await both('pdump');
    expect(await theirs.console.ask('pdump/filename /nowhere/x')).toMatch(
      /^0000 .*\n.*open\(\/nowhere\/x\): No such file or directory\nERROR: cannot dump to \/nowhere\/x\n\.\n1022 /,
    );
    expect(await ours.console.ask('pdump/filename /nowhere/x')).toMatch(
      /^0000 .*\ncannot open '\/nowhere\/x': No such file or directory\nERROR: cannot dump to \/nowhere\/x\n\.\n1022 /,
    );
    expect(await theirs.console.ask('pdump/filename')).toContain('dumpfile=/nowhere/x\n');
    expect(await ours.console.ask('pdump/filename')).toContain('dumpfile=vde_dump.cap\n');
  });

  test('iplog reads tagged frames and IP options, and skips a wrong length, unlike vde_switch', async () => {
    const pair = await both('iplog');
    const said = [];
    for (const { console, directory, lines } of [pair.theirs, pair.ours]) {
      for (const command of ['debug/add iplog', 'vlan/create 10', 'iplog/ipadd 10.0.0.0/8']) await console.ask(command);
      const a = await Recorder.join(directory, { port: 3 });
      a.send(ipFrame('10.0.0.1', { tag: 0xe00a }));
      a.send(ipFrame('10.0.0.2', { first: 0x46 }));
      a.send(ipFrame('10.0.0.3', { length: 0 }));
      a.send(ipFrame('10.0.0.4', { length: 47 }));
      a.send(ipFrame('10.0.0.5'));
      said.push(await lines(console === pair.ours.console ? 3 : 4));
    }
    const [theirs, ours] = said.map((lines) => lines.map((line) => /10\.0.* vlan=\d+/.exec(line)![0]));
    expect(theirs).toEqual([
      '10.0.0.1 mac=00:01:81:00:e0:0a port=3 vlan=10',
      ...['3', '4', '5'].map((last) => `10.0.0.${last} mac=${FIRST} port=3 vlan=0`),
    ]);
    expect(ours).toEqual([
      `10.0.0.1 mac=${FIRST} port=3 vlan=10`,
      ...['2', '5'].map((last) => `10.0.0.${last} mac=${FIRST} port=3 vlan=0`),
    ]);
  });
});

describeWith(['tcpdump'], 'a pdump file read by tcpdump', () => {
  test('tcpdump shows every frame with its length and addresses', async () => {
    const net = await network();
    const console = await (await serveConsole(net)).connect();
    const path = `${temporaryDirectory()}/a.cap`;
    for (const command of ['plugin/add pdump', `pdump/filename ${path}`, 'pdump/active 1']) await console.ask(command);
    const a = await net.join({ port: 3 });
    const b = await net.join({ port: 4 });
    a.send(frame(BROADCAST, FIRST, 1514));
    await b.receives(frame(BROADCAST, FIRST, 1514));
    b.send(frame(FIRST, SECOND, 64));
    await a.receives(frame(FIRST, SECOND, 64));
    await until(() => statSync(path).size === 24 + 4 * 16 + 2 * 1514 + 2 * 64, 'the frames in the file');
    const { stdout, code } = await run('tcpdump', ['-r', path, '-n', '-e', '-tt']);
    expect(code).toBe(0);
    const rows = stdout.split('\n').filter((line) => /^\d/.test(line));
    expect(rows.map((row) => /\.\d{6} (.*?),.*length (\d+)/.exec(row)?.slice(1))).toEqual([
      [`${FIRST} > ${BROADCAST}`, '1514'],
      [`${FIRST} > ${BROADCAST}`, '1514'],
      [`${SECOND} > ${FIRST}`, '64'],
      [`${SECOND} > ${FIRST}`, '64'],
    ]);
    for (const row of rows) expect(Math.abs(Number.parseFloat(row) - Date.now() / 1000)).toBeLessThan(60);
  });
});

/** The size of a file with four frames, each captured on arrival and on departure. */
const SIZE = 24 + 2 * (4 * 16 + 60 + 96 + 97 + 1514);

/** Returns the file's header and its records without their times. */
function timeless(file: Buffer): string[] {
  const parts = [file.toString('hex', 0, 24)];
  for (let at = 24; at < file.length; ) {
    const end = at + 16 + file.readUInt32LE(at + 8);
    parts.push(file.toString('hex', at + 8, end));
    at = end;
  }
  return parts;
}

function timelessLog(log: string): string {
  return log.replace(/^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d /gm, 'TIME ');
}

/** Sends each frame after the previous frame has arrived, so that both switches report them in this order. */
async function sendOneByOne(from: Recorder, to: Recorder, frames: readonly Buffer[]): Promise<void> {
  for (const [i, one] of frames.entries()) {
    from.send(one);
    await until(() => to.frames.filter((got) => got.equals(one)).length >= 1, `frame ${i}`);
  }
}

/** Expects the same lines in any order: the tables are ordered differently. */
async function expectSameLines({ theirs, ours }: { theirs: Side; ours: Side }, command: string) {
  const [expected, got] = await Promise.all(
    [theirs, ours].map(async (one) =>
      masked(await one.console.ask(command), one)
        .split('\n')
        .toSorted(),
    ),
  );
  expect(got, command).toEqual(expected);
}

const RANGES = [
  '10.0.0.0/8',
  '10.1.2.3/8',
  '10.1.2.3',
  '10.1.2.3/32',
  '192.168.1.77/24',
  '0.0.0.0/0',
  '10.0.0.0',
  'fd00::/8',
  'FD12:3456::1/8',
  'fd00::1',
  'fe80::aa/64',
  '::/0',
  '::ffff:1.2.3.4',
  '::1.2.3.4/120',
  '2001:db8:0:1:1:1:1:1',
  'x',
  '',
  '300.1.1.1',
  '1.2.3.4 5.6.7.8',
  'fd00:::1',
];

function randomIplogCommand(below: (limit: number) => number): string {
  const pick = (words: readonly string[]) => words[below(words.length)]!;
  const commands = [
    () => `ipadd ${pick(RANGES)}`,
    () => `ipadd ${pick(RANGES)}`,
    () => `ipdel ${pick(RANGES)}`,
    () => 'list',
    () => 'list',
    () => `setgcint ${pick(['0', '1', '10', '-3', '99999'])}`,
    () => `setexpire ${pick(['0', '360', '-1'])}`,
    () => 'showinfo',
    // No path here can be opened: `logfile -` while a log file is open makes vde_switch free the file's name twice.
    () => `logfile ${pick(['', '-', '/nowhere/x', '/tmp'])}`,
    () => 'iplist',
    () => `ipport ${pick(['0', '1', '99', '-1'])}`,
    () => `ipuser ${pick(['root', '0', 'daemon', 'no-such-name', ''])}`,
    () => `ipsearch ${pick(['10.0.0.1', 'fd00::1', 'x', '', '10.0.0.0/8'])}`,
  ];
  return `iplog/${commands[below(commands.length)]!()}`;
}
