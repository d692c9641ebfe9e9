// The built-in plugins with hostile frames, a full or slow disk and unsuitable files.
import { execFileSync } from 'node:child_process';
import {
  constants,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { FileWriter } from '../../src/console/plugins/file-writer.ts';
import {
  contains,
  formatAddress,
  formatRange,
  parseAddress,
  parseRange,
} from '../../src/console/plugins/ip-address.ts';
import { IpLog } from '../../src/console/plugins/ip-log.ts';
import { ipSource } from '../../src/console/plugins/ip-source.ts';
import { IpTable } from '../../src/console/plugins/ip-table.ts';
import { randomFrom } from '../conformance.ts';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient, serveConsole } from '../support/console.ts';
import { ipFrame } from '../support/ip-frame.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const OK = '1000 Success\n';
const NO_FILE = '1002 No such file or directory\n';
const FIRST = '02:00:00:00:00:01';

/** Starts a switch with two plugs and a console with the plugin loaded. */
async function withPlugin(name: string, ...commands: string[]) {
  const net = await network();
  const { connect, log } = await serveConsole(net);
  const console = await connect();
  for (const command of [`plugin/add ${name}`, ...commands]) await console.ask(command);
  const a = await net.join({ port: 3, description: 'first' });
  const b = await net.join({ port: 4 });
  const through = async (sent: Buffer) => {
    a.send(sent);
    await b.receives(sent);
  };
  return { ...net, console, log, a, b, through, home: temporaryDirectory() };
}

test('with no plugin loaded, plugin/list shows those that can be loaded before its 1002', async () => {
  const console = await (await serveConsole(await network())).connect();
  const rows = async (command: string) =>
    (await console.ask(command)).split('\n').filter((line) => /^(dump|pdump|iplog|1\d{3}) /.test(line));
  const notLoaded = (name: string) => expect.stringMatching(`^${name} +not loaded: \\w`);
  const missing = '1002 No such file or directory';
  expect(await rows('plugin/list')).toEqual([notLoaded('dump'), notLoaded('pdump'), notLoaded('iplog'), missing]);
  expect(await rows('plugin/list p')).toEqual([notLoaded('pdump'), missing]);
  expect(await rows('plugin/list x')).toEqual([missing]);
  const asJson = async () => JSON.parse(/^\{.*\}$/m.exec(await console.ask('json plugin/list'))![0]);
  expect(await asJson()).toMatchObject({
    code: 1002,
    message: 'no plugin is loaded; plugin/add loads one',
    data: ['dump', 'pdump', 'iplog'].map((name) => ({ name, loaded: false })),
  });
  await console.ask('plugin/add dump');
  expect(await rows('plugin/list')).toEqual([expect.stringMatching(/^dump +(?!not loaded)\w/), '1000 Success']);
  expect(await rows('plugin/list p')).toEqual([missing]);
  expect(await asJson()).toMatchObject({ code: 1000, data: [{ name: 'dump', loaded: true }] });
});

describe('dump', () => {
  test('dump writes only to consoles that asked for it, and nothing once it is unloaded', async () => {
    const { sw, console, through } = await withPlugin('dump', 'dump/active 1');
    // This capture started after dump's, so it is called later: every frame counted here has reached dump.
    let seen = 0;
    sw.capture.start(() => seen++);
    const bothSeen = async (mark: number) => {
      await through(frame(BROADCAST, FIRST, 60, mark));
      await until(() => seen === 2 * mark, 'the frame to be captured on arrival and on departure');
    };
    await bothSeen(1);
    expect(await console.ask('port/create 9')).toBe(OK);
    await console.ask('debug/add dump');
    await bothSeen(2);
    expect(await console.ask('port/remove 9')).toMatch(
      /^3101 dump\/packetin .*\n3102 dump\/packetout .*\n1000 Success\n$/,
    );
    expect(await console.ask('plugin/del dump')).toBe(OK);
    await bothSeen(3);
    expect(await console.ask('dump/active 1')).toBe('1038 Function not implemented\n');
    // A session that had asked for the lines must ask again once the plugin is loaded again.
    expect(await console.ask('plugin/add dump')).toBe(OK);
    expect(await console.ask('dump/active 1')).toBe(OK);
    const published = vi.fn();
    sw.capture.start(published);
    await through(frame(BROADCAST, FIRST, 60, 4));
    await until(() => published.mock.calls.length === 2, 'the frame to be captured');
    expect(await console.ask('port/create 9')).toBe(OK);
  });
});

test.each([
  ['dump/active 0', 'dump'],
  ['plugin/del dump', 'dump'],
  ['pdump/active 0', 'pdump'],
  ['plugin/del pdump', 'pdump'],
  ['iplog/ipdel 10.0.0.0/8', 'iplog'],
  ['plugin/del iplog', 'iplog'],
])('after %s the plugins other than %s still see every frame', async (stop, stopped) => {
  const { console, through, home } = await withPlugin('dump', 'dump/active 1', 'debug/add dump');
  const path = `${home}/a.cap`;
  for (const command of ['plugin/add pdump', `pdump/filename ${path}`, 'pdump/active 1', 'plugin/add iplog'])
    await console.ask(command);
  await console.ask('iplog/ipadd 10.0.0.0/8');
  await console.ask(stop);
  await through(ipFrame('10.0.0.1'));
  if (stopped !== 'dump') await until(() => console.take().includes('3102 dump/packetout'), 'the line of dump');
  if (stopped !== 'pdump') await until(() => statSync(path).size > 24, 'the frame in the file');
  if (stopped !== 'iplog')
    await until(async () => (await console.ask('iplog/iplist')).includes('10.0.0.1'), 'the address');
});

describe('pdump', () => {
  const REFUSED = /\nERROR: cannot dump to \S+\n\.\n1022 Invalid argument\n$/;

  test('pdump writes only to regular files and follows no symbolic link', async () => {
    const { console, home } = await withPlugin('pdump');
    writeFileSync(`${home}/precious`, 'precious');
    symlinkSync(`${home}/precious`, `${home}/link`);
    execFileSync('mkfifo', [`${home}/pipe`]);
    for (const name of [`${home}/link`, `${home}/pipe`, home, '/dev/null', `${home}/none/a`])
      expect(await console.ask(`pdump/filename ${name}`)).toMatch(REFUSED);
    expect(readFileSync(`${home}/precious`, 'utf8')).toBe('precious');
    expect(await console.ask('pdump/filename')).toContain('dumpfile=vde_dump.cap\n');
  });

  test('pdump empties an existing file, but continues the file in use', async () => {
    const { console, home, through } = await withPlugin('pdump');
    const path = `${home}/a.cap`;
    writeFileSync(path, 'x'.repeat(1000));
    await console.ask(`pdump/filename ${path}`);
    await until(() => statSync(path).size === 24, 'the header');
    await console.ask('pdump/active 1');
    await through(frame(BROADCAST, FIRST, 60, 1));
    expect(await console.ask(`pdump/filename ${home}/./a.cap`)).toContain(`dumpfile=${home}/./a.cap\n`);
    await through(frame(BROADCAST, FIRST, 60, 2));
    await console.ask('pdump/active 0');
    expect(statSync(path).size).toBe(24 + 4 * 76);
  });

  test('pdump/active 1 does not truncate the capture of an earlier pdump', async () => {
    const { console, home, through } = await withPlugin('pdump');
    const path = `${home}/a.cap`;
    const bytes = 24 + 2 * 76;
    for (const command of [`pdump/filename ${path}`, 'pdump/active 1']) await console.ask(command);
    await through(frame(BROADCAST, FIRST));
    await until(() => statSync(path).size === bytes, 'the frame in the file');
    const before = process.cwd();
    process.chdir(home);
    atEnd(() => process.chdir(before));
    renameSync(path, `${home}/vde_dump.cap`); // the file that a new pdump writes to
    for (const command of ['plugin/del pdump', 'plugin/add pdump']) await console.ask(command);
    expect(await console.ask('pdump/active 1')).toMatch(REFUSED);
    expect(statSync(`${home}/vde_dump.cap`).size).toBe(bytes);
    expect(await console.ask('pdump/filename vde_dump.cap')).toContain('1000 Success');
    await until(() => statSync(`${home}/vde_dump.cap`).size === 24, 'the header of the emptied file');
  });

  test('a refused file leaves pdump as it is', async () => {
    const { console, home, through } = await withPlugin('pdump');
    await console.ask(`pdump/filename ${home}/a.cap`);
    await console.ask('pdump/active 1');
    expect(await console.ask('pdump/filename /nowhere/b.cap')).toMatch(REFUSED);
    await through(frame(BROADCAST, FIRST));
    await until(() => statSync(`${home}/a.cap`).size === 24 + 2 * 76, 'the frame in the file');
    expect(await console.ask('pdump/active 0')).toContain(OK);
  });

  test('pdump with buffered 1 writes frames when it stops', async () => {
    const { console, home, through } = await withPlugin('pdump', 'pdump/buffered 1');
    await console.ask(`pdump/filename ${home}/a.cap`);
    await console.ask('pdump/active 1');
    await through(frame(BROADCAST, FIRST));
    expect(statSync(`${home}/a.cap`).size).toBe(0);
    await console.ask('plugin/del pdump');
    expect(statSync(`${home}/a.cap`).size).toBe(24 + 2 * 76);
    await through(frame(BROADCAST, FIRST, 60, 1));
    expect(statSync(`${home}/a.cap`).size).toBe(24 + 2 * 76);
  });

  test('a switch that ends completes the file', async () => {
    const home = temporaryDirectory();
    const { started, directory } = await startTsvde(['-M', `${home}/mgmt`]);
    const console = await until(() => ConsoleClient.connect(`${home}/mgmt`).catch(() => undefined), 'the console');
    for (const command of ['plugin/add pdump', 'pdump/buffered 1', `pdump/filename ${home}/a.cap`, 'pdump/active 1'])
      await console.ask(command);
    const a = await Recorder.join(directory, { port: 3 });
    const b = await Recorder.join(directory, { port: 4 });
    a.send(frame(BROADCAST, FIRST));
    await b.receives(frame(BROADCAST, FIRST));
    await console.ask('showinfo'); // the engine's events arrive before this reply
    await started.stop();
    expect(statSync(`${home}/a.cap`).size).toBe(24 + 2 * 76);
  });
});

describeWith(['root', 'mount'], 'a full disk', () => {
  function smallDisk(): string {
    const path = temporaryDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', path]);
    atEnd(() => execFileSync('umount', [path]));
    return path;
  }

  test('pdump stops with one log line and can be started with another file', async () => {
    const { console, home, through, log } = await withPlugin('pdump');
    await console.ask(`pdump/filename ${smallDisk()}/a.cap`);
    await console.ask('pdump/active 1');
    for (let i = 0; i < 20; i++) await through(frame(BROADCAST, FIRST, 1514, i));
    await until(() => log.some((line) => line.includes('No space left on device')), 'the log line');
    for (let i = 20; i < 25; i++) await through(frame(BROADCAST, FIRST, 1514, i));
    expect(log.filter((line) => line.startsWith('pdump:'))).toHaveLength(1);
    expect(await console.ask('pdump/active 0')).toContain(NO_FILE);
    await console.ask(`pdump/filename ${home}/b.cap`);
    expect(await console.ask('pdump/active 1')).toContain(OK);
  });

  test('iplog logs the failure once and can be given another file', async () => {
    const { console, home, a, log } = await withPlugin('iplog', 'iplog/ipadd 10.0.0.0/8');
    await console.ask(`iplog/logfile ${smallDisk()}/log`);
    for (let i = 0; i < 400; i++) {
      await until(() => a.plug.send(ipFrame(`10.0.${i >> 8}.${i & 255}`)), 'room');
    }
    await until(() => log.some((line) => line.includes('No space left on device')), 'the log line');
    expect(log.filter((line) => line.startsWith('iplog:'))).toHaveLength(1);
    expect(await console.ask('iplog/showinfo')).toContain('\nlog disabled\n');
    expect(await console.ask(`iplog/logfile ${home}/log`)).toBe(OK);
  });
});

describe('FileWriter', () => {
  function writer(path: string, flags: number, appends = false) {
    const log: string[] = [];
    const onFailure = vi.fn();
    const file = { fd: openSync(path, flags | constants.O_CREAT, 0o600), path, identity: '' };
    return {
      log,
      onFailure,
      writer: new FileWriter({ file, appends, noun: 'frames', log: (m) => log.push(m), onFailure }),
    };
  }

  test.each([true, false])(
    'a FileWriter keeps the order of its writes across flushes (appends: %s)',
    async (appends) => {
      const path = `${temporaryDirectory()}/file`;
      const flags = constants.O_WRONLY | (appends ? constants.O_APPEND : 0);
      const { writer: out } = writer(path, flags, appends);
      let expected = '';
      for (let i = 0; i < 20_000; i++) {
        out.write(Buffer.from(`${i}\n`));
        expected += `${i}\n`;
        if (i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
        if (i % 3333 === 3332) {
          out.flush();
          expect(readFileSync(path, 'utf8')).toBe(expected);
        }
      }
      await until(() => statSync(path).size === expected.length, 'the whole file');
      out.close();
      out.close();
      expect(readFileSync(path, 'utf8')).toBe(expected);
    },
  );

  test('a FileWriter stops at its first error', async () => {
    const { writer: out, log, onFailure } = writer('/dev/full', constants.O_WRONLY);
    out.write(Buffer.from('one'));
    await until(() => onFailure.mock.calls.length > 0, 'the failure');
    for (let i = 0; i < 3; i++) out.write(Buffer.from('two'));
    out.flush();
    out.close();
    expect(log).toEqual(['/dev/full: cannot write: No space left on device; no more frames are written']);
    expect(onFailure).toHaveBeenCalledTimes(1);
  });

  test('a FileWriter drops and counts the chunks that the disk is too slow for', async () => {
    const path = `${temporaryDirectory()}/pipe`;
    execFileSync('mkfifo', [path]); // a pipe that is not read acts as a slow disk
    const opener = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // lets the writer open the pipe
    const { writer: out, log } = writer(path, constants.O_WRONLY, true);
    const chunk = Buffer.alloc(1 << 20, 'x');
    for (let i = 0; i < 20; i++) out.write(chunk); // one chunk is being written, four wait
    expect(log).toEqual([`${path}: frames are lost: the disk is too slow`]);
    const reader = await open(path, constants.O_RDONLY); // its reads wait for bytes
    const piece = Buffer.alloc(1 << 20);
    let read = 0;
    while (read < 5 << 20) read += (await reader.read(piece)).bytesRead;
    expect(read).toBe(5 << 20);
    await Promise.all([opener.close(), reader.close()]);
    out.close();
    expect(log.slice(1)).toEqual([`${path}: 15 frames were lost: the disk is too slow`]);
  });
});

describe('IP addresses', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['FD00::0:1', 'fd00::1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ])('the address %s is printed as %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text))).toBe(canonical);
  });

  test.each(['', 'x', '10.0.0', '010.0.0.1', '10.0.0.256', '1:::2', ':1', 'fe80::1%lo', '10.0.0.0/8', ' 10.0.0.1'])(
    '%j is not an address',
    (text) => {
      expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    },
  );

  test.each([
    ['10.1.2.3/8', '10.0.0.0/8', '10.255.0.0', '11.0.0.0'],
    ['10.1.2.3', '10.1.2.3/32', '10.1.2.3', '10.1.2.2'],
    ['1.2.3.4/0', '0.0.0.0/0', '255.0.0.0', '::'],
    ['1::/0', '::/0', 'ffff::', '0.0.0.0'],
    ['fe80::1/64', 'fe80::/64', 'fe80::ffff:ffff:ffff:ffff', 'fe80:0:0:1::'],
    ['::ffff:0:0/96', '::ffff:0.0.0.0/96', '::ffff:10.0.0.1', '10.0.0.1'],
    ['192.168.1.129/0x19', '192.168.1.128/25', '192.168.1.255', '192.168.1.127'],
  ])('the range %s is printed as %s, contains %s and does not contain %s', (text, canonical, inside, outside) => {
    const range = parseRange(text);
    expect(formatRange(range)).toBe(canonical);
    expect(contains(range, parseAddress(inside))).toBe(true);
    expect(contains(range, parseAddress(outside))).toBe(false);
  });

  test.each(['10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/8x', '::/129', '/8', ''])(
    '%j is not a range',
    (text) => {
      expect(() => parseRange(text)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    },
  );
});

describe('the source of a frame', () => {
  const SIX = 'fd00:0:0:0:0:0:0:1';

  test('the source of IPv4 and IPv6 is found with and without a tag', () => {
    const at = (source: string, tag?: number) => ipSource(ipFrame(source, tag === undefined ? {} : { tag }));
    expect(at('10.0.0.1')).toEqual({ address: parseAddress('10.0.0.1'), mac: FIRST, vlan: 0 });
    expect(at('10.0.0.1', 0xe00a)).toEqual({ address: parseAddress('10.0.0.1'), mac: FIRST, vlan: 10 });
    expect(at(SIX)).toEqual({ address: parseAddress('fd00::1'), mac: FIRST, vlan: 0 });
    expect(at(SIX, 10)).toEqual({ address: parseAddress('fd00::1'), mac: FIRST, vlan: 10 });
  });

  test.each([
    ['a version that is not 4', ipFrame('10.0.0.1', { first: 0x65 })],
    ['a header shorter than any', ipFrame('10.0.0.1', { first: 0x44 })],
    ['a header longer than the packet', ipFrame('10.0.0.1', { first: 0x4f })],
    ['a packet shorter than its header', ipFrame('10.0.0.1', { length: 19 })],
    ['a packet longer than the frame', ipFrame('10.0.0.1', { length: 47 })],
    ['a version that is not 6', ipFrame(SIX, { first: 0x40 })],
    ['a payload longer than the frame', ipFrame(SIX, { length: 7 })],
    ['neither IPv4 nor IPv6', frame(BROADCAST, FIRST)],
  ])('a frame with %s has no source', (_, bytes) => {
    expect(ipSource(bytes)).toBeUndefined();
  });

  test('ipSource does not throw on truncated, altered or random frames', () => {
    const below = randomFrom(1);
    for (const whole of [
      ipFrame('10.0.0.1'),
      ipFrame(SIX),
      ipFrame('10.0.0.1', { tag: 5 }),
      ipFrame(SIX, { tag: 5 }),
    ]) {
      for (let size = 0; size < whole.length; size++) expect(ipSource(whole.subarray(0, size))).toBeUndefined();
      for (let at = 0; at < whole.length; at++) {
        for (const value of [0, 1, 0x45, 0x60, 0x81, 0xff]) ipSource(Buffer.from(whole).fill(value, at, at + 1));
      }
    }
    for (let i = 0; i < 20_000; i++) {
      const chance = Buffer.from(Array.from({ length: below(80) }, () => below(256)));
      if (chance.length > 14) chance.writeUInt16BE([0x0800, 0x86dd, 0x8100][below(3)]!, 12);
      if (chance.length > 18 && below(2) === 0) chance.writeUInt16BE([0x0800, 0x86dd][below(2)]!, 16);
      ipSource(chance);
    }
  });
});

describe('the table of addresses', () => {
  const seen = (last: number, port = 1) => ({ address: parseAddress(`10.0.0.${last}`), mac: FIRST, vlan: 0, port });

  test('a full table forgets the address silent for longest, and any table those that were silent too long', () => {
    const table = new IpTable(3);
    for (const last of [1, 2, 3]) table.note(seen(last), last);
    table.note(seen(1), 4);
    table.note(seen(4), 5);
    expect(table.list()).toEqual([seen(1), seen(3), seen(4)]);
    table.forgetBefore(4);
    expect(table.list()).toEqual([seen(1), seen(4)]);
  });

  test('the table knows an address only with its port, VLAN and MAC address', () => {
    const table = new IpTable();
    table.note(seen(1, 3), 0);
    expect(table.has(seen(1, 3))).toBe(true);
    expect(table.has(seen(1, 4))).toBe(false);
    expect(table.has({ ...seen(1, 3), vlan: 7 })).toBe(false);
    expect(table.has({ ...seen(1, 3), mac: '02:00:00:00:00:02' })).toBe(false);
    table.forgetPort(3);
    expect(table.size).toBe(0);
  });
});

describe('iplog', () => {
  test('iplog forgets an address that was silent too long and reports it again', async () => {
    const { console, a } = await withPlugin('iplog', 'iplog/ipadd 10.0.0.0/8', 'iplog/setgcint 1', 'iplog/setexpire 0');
    await console.ask('debug/add iplog');
    for (let i = 0; i < 2; i++) {
      a.send(ipFrame('10.0.0.1'));
      await until(() => console.take().includes('3301 iplog/newip ipv4 10.0.0.1 '), 'the line');
      await until(async () => !(await console.ask('iplog/iplist')).includes('10.0.0.1'), 'the address to be forgotten');
    }
  });

  test('iplog prints a description on one line', async () => {
    const { join, console } = await withPlugin('iplog', 'iplog/ipadd 10.0.0.0/8', 'debug/add iplog');
    const c = await join({ description: 'c\nMar  1 00:00:00 ipv4 forged' });
    c.send(ipFrame('10.0.0.1'));
    let said = '';
    await until(() => {
      said += console.take();
      return said.endsWith('\n');
    }, 'the line');
    expect(said).toMatch(/^3301 [^\n]* "c\\x0aMar {2}1 [^\n]*"\n$/);
  });

  test('iplog records no address without a range, and none once it is unloaded', async () => {
    const { console, through } = await withPlugin('iplog', 'iplog/ipadd 10.0.0.0/8', 'iplog/ipdel 10.0.0.0/8');
    await console.ask('debug/add iplog');
    await through(ipFrame('10.0.0.1'));
    expect(await console.ask('iplog/iplist')).not.toContain('10.0.0.1');
    await console.ask('iplog/ipadd 10.0.0.0/8');
    await console.ask('plugin/del iplog');
    await through(ipFrame('10.0.0.2'));
    expect(await console.ask('plugin/add iplog')).toBe(OK);
    expect(await console.ask('iplog/iplist')).not.toContain('10.0.0');
    expect(await console.ask('iplog/list')).not.toContain('10.0.0');
  });

  test('iplog accepts only a regular file that is not a symbolic link', async () => {
    const { console, home } = await withPlugin('iplog');
    writeFileSync(`${home}/precious`, 'precious');
    symlinkSync(`${home}/precious`, `${home}/link`);
    await console.ask(`iplog/logfile ${home}/log`);
    for (const name of [`${home}/link`, home, '/dev/null'])
      expect(await console.ask(`iplog/logfile ${name}`)).toBe(NO_FILE);
    expect(await console.ask('iplog/showinfo')).toContain(`\nlog on file ${home}/log\n`);
  });

  test('the log continues in a new file once the old file was moved away', () => {
    const home = temporaryDirectory();
    const said: string[] = [];
    const log = new IpLog((message) => said.push(message));
    log.direct(`${home}/log`);
    log.write('one');
    renameSync(`${home}/log`, `${home}/log.1`);
    log.reopen();
    log.write('two');
    log.close();
    log.reopen();
    const lines = (path: string) => readFileSync(path, 'utf8').replace(/^[A-Z][a-z]{2} [ \d]\d [\d:]{8} /gm, '');
    expect(lines(`${home}/log.1`)).toBe('one\nSIGHUP: closing file\n');
    expect(lines(`${home}/log`)).toBe('SIGHUP: opening file\ntwo\n');
    expect(said).toEqual([]);
  });

  test('a log file that cannot be reopened is tried again next time', () => {
    const home = temporaryDirectory();
    const said: string[] = [];
    const log = new IpLog((message) => said.push(message));
    execFileSync('mkdir', [`${home}/logs`]);
    log.direct(`${home}/logs/log`);
    renameSync(`${home}/logs`, `${home}/gone`);
    log.reopen();
    expect(log.state).toBe('log disabled');
    expect(said).toEqual([`iplog: cannot open '${home}/logs/log': No such file or directory`]);
    renameSync(`${home}/gone`, `${home}/logs`);
    log.reopen();
    expect(log.state).toBe(`log on file ${home}/logs/log`);
    log.close();
  });

  test('the time has the format of the system log', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date(2026, 0, 5, 13, 4, 5) });
    atEnd(() => vi.useRealTimers());
    const path = `${temporaryDirectory()}/log`;
    const log = new IpLog(() => {});
    log.direct(path);
    log.write('line');
    log.close();
    expect(readFileSync(path, 'utf8')).toBe('Jan  5 13:04:05 line\n');
    expect(existsSync(path)).toBe(true);
  });
});
