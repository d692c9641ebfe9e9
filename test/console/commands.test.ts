// The console's replies, byte for byte: other programs parse them.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { bucketOf } from '../../src/console/commands/hash.ts';
import { parseLine, parseNumber } from '../../src/console/parse.ts';
import { serveConsole } from '../support/console.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const USER = userInfo().username;

const DATA = "0000 DATA END WITH '.'\n";
const OK = '1000 Success\n';
const INVALID = '1022 Invalid argument\n';
const NO_PORT = '1006 No such device or address\n';

describe('a session', () => {
  test('a session starts with the greeting of vde_switch', async () => {
    const net = await network();
    const { path } = await serveConsole(net);
    const socket = connect(path);
    const [greeting] = await once(socket, 'data');
    expect(greeting.toString()).toMatch(/^VDE switch V\.2\.3\.3\+tsvde\.0\.0\.0\n[^\n]+\n\nvde\$ $/);
    socket.destroy();
  });

  test.each([
    ['port/showinfo', `${DATA}Numports=32\nHUB=false\ncounters=true\n.\n${OK}`],
    ['hash/showinfo', `${DATA}Hash size 128\nGC interval 2 secs\nGC expire 100 secs\nMin persistence 3 secs\n.\n${OK}`],
    ['version', '1038 Function not implemented\n'],
    ['shutdownx', '1038 Function not implemented\n'],
    ['port', '1038 Function not implemented\n'],
    ['', ''],
    ['   \t ', ''],
    ['# a comment', ''],
    ['  port/create   5  ', OK],
    ['port/create 5\r', OK],
    ['port/create 0x05', OK],
    ['port/create 33', INVALID],
    ['port/create 010', OK],
    ['port/create abc', INVALID],
    ['port/create', INVALID],
    ['port/create 5 6', INVALID],
    ['port/remove 5', NO_PORT],
    ['port/print 5', `${DATA}.\n${NO_PORT}`],
    ['port/print 99', `${DATA}.\n${INVALID}`],
    ['port/allprint', `${DATA}.\n${OK}`],
    ['port/createauto', `${DATA}Port 0001\n.\n${OK}`],
    ['port/allocatable 1 2', INVALID],
    ['port/setuser 1 root', NO_PORT],
    ['port/epclose 1', INVALID],
    ['port/resetcounter', OK],
    ['port/resetcounter 99', INVALID],
    ['port/sethub 1', OK],
    ['port/setnumports 0', INVALID],
    ['hash/setsize 0', INVALID],
    ['hash/setexpire 7', OK],
    ['hash/find 1:2:3:4:5:6', `${DATA}.\n1019 No such device\n`],
    ['hash/find zz', `${DATA}.\n${INVALID}`],
    ['hash/print', `${DATA}.\n${OK}`],
    ['load /nowhere', '1002 No such file or directory\n'],
    ['\x00\xff\xfe binary', '1038 Function not implemented\n'],
  ])('the line %j gets the reply %j', async (line, reply) => {
    const client = await (await serveConsole(await network())).connect();
    expect(await client.ask(line)).toBe(reply);
  });

  test('ds/showinfo and showinfo name the sockets and their modes', async () => {
    const net = await network();
    const { path, connect } = await serveConsole(net, 0o660);
    const client = await connect();
    expect(await client.ask('ds/showinfo')).toBe(`${DATA}ctl dir ${net.directory}\nstd mode 0600\n.\n${OK}`);
    const about = new RegExp(
      `\\n\\npid ${process.pid} MAC 00:ff(:[0-9a-f]{2}){4} uptime \\d+\\nmgmt ${path} perm 0660\\n\\.\\n1000 Success\\n$`,
    );
    expect(await client.ask('showinfo')).toMatch(about);
  });

  test('the commands show and change the ports and addresses of clients', async () => {
    const net = await network();
    const client = await (await serveConsole(net)).connect();
    const [a, b] = [await net.join({ description: 'one' }), await net.join({ port: 7 })];
    a.send(frame(BROADCAST, '02:00:00:00:00:01'));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:01'));
    expect(await client.ask('port/print')).toBe(
      `${DATA}Port 0001 untagged_vlan=0000 ACTIVE - Unnamed Allocatable\n` +
        ` Current User: ${USER} Access Control: (User: NONE - Group: NONE)\n` +
        ' IN:  pkts          1          bytes                   60\n' +
        ' OUT: pkts          0          bytes                    0\n' +
        '  -- endpoint ID 0001 module unix prog   : one\n' +
        'Port 0007 untagged_vlan=0000 ACTIVE - Unnamed Allocatable\n' +
        ` Current User: ${USER} Access Control: (User: NONE - Group: NONE)\n` +
        ' IN:  pkts          0          bytes                    0\n' +
        ' OUT: pkts          1          bytes                   60\n' +
        `  -- endpoint ID 0002 module unix prog   : \n.\n${OK}`,
    );
    const row = 'Hash: 0043 Addr: 02:00:00:00:00:01 VLAN 0000 to port: 001  age \\d secs';
    expect(await client.ask('hash/print')).toMatch(new RegExp(`^${DATA}${row}\n\\.\n${OK}$`));
    expect(await client.ask('hash/find 2.0.0.0.0.1')).toMatch(new RegExp(`^${DATA}${row}\n\\.\n${OK}$`));
    expect(await client.ask('port/setnumports 6')).toBe('1098 Address already in use\n');
    expect(await client.ask('port/remove 7')).toBe('1098 Address already in use\n');
    expect(await client.ask('port/setuser 7 daemon')).toBe(OK);
    expect(await client.ask('port/setgroup 7 no-such-group')).toBe(INVALID);
    expect(await client.ask('port/allprint 7')).toContain('(User: daemon - Group: NONE)');
    expect(await client.ask('port/epclose 7 0002')).toBe(OK);
    await until(() => !net.sw.ports.get(7)?.active, 'an inactive port');
    expect(await client.ask('port/remove 7')).toBe(OK);
  });

  test('port/epclose has closed the endpoint when it is answered', async () => {
    const net = await network();
    const client = await (await serveConsole(net)).connect();
    await net.join({ port: 7 });
    client.socket.write('port/epclose 7 1\nport/remove 7\nport/create 7\n');
    expect(await client.replies(3)).toBe(`${OK}\nvde$ ${OK}\nvde$ ${OK}`);
  });

  test("a client's description cannot end the line or the block, or control the terminal", async () => {
    const net = await network();
    const client = await (await serveConsole(net)).connect();
    await net.join({ description: 'x\n.\n1000 Success\n\nvde$ \x1b[2J\x9b\u202e' });
    const reply = await client.ask('port/print 1');
    expect(reply).toContain(': x\\x0a.\\x0a1000 Success\\x0a\\x0avde$ \\x1b[2J\\x9b\\u202e\n.\n1000 Success\n');
  });

  test('help prints a table, or the rows that begin with its argument', async () => {
    const client = await (await serveConsole(await network())).connect();
    const lines = (await client.ask('help')).split('\n');
    expect(lines.slice(1, 5)).toEqual([
      'COMMAND PATH       SYNTAX          HELP',
      '------------       --------------  ------------',
      'ds                 ============    DATA SOCKET MENU',
      expect.stringMatching(/^ds\/showinfo {24}\S/),
    ]);
    expect(
      (await client.ask('help port/set'))
        .split('\n')
        .slice(3, -3)
        .map((line) => line.split(' ')[0]),
    ).toEqual(['port/setnumports', 'port/sethub', 'port/setvlan', 'port/setuser', 'port/setgroup', 'port/setname']);
  });
});

describe('scripts', () => {
  test('load echoes each line before its reply and continues after errors', async () => {
    const net = await network();
    const served = await serveConsole(net);
    const client = await served.connect();
    const path = `${temporaryDirectory()}/script`;
    writeFileSync(path, '# a comment\nport/create 9\n\n  port/print 9\nbogus\nshutdown\nlogout\n');
    const echo = (line: string) => `vde[${path}]: ${line}\n`;
    expect(await client.ask(`load ${path}`)).toBe(
      `${echo('# a comment')}${echo('port/create 9')}${OK}${echo('')}${echo('  port/print 9')}${DATA}.\n${NO_PORT}` +
        `${echo('bogus')}1038 Function not implemented\n${echo('shutdown')}${echo('logout')}${OK}`,
    );
    expect(served.shutdowns()).toBe(0);
    expect(served.log).toContain('Shutdown from mgmt command');
  });

  test('load reads a directory as empty, refuses a pipe and ends a script that loads itself', async () => {
    const client = await (await serveConsole(await network())).connect();
    const home = temporaryDirectory();
    expect(await client.ask(`load ${home}`)).toBe(OK);
    execFileSync('mkfifo', [`${home}/pipe`]);
    expect(await client.ask(`load ${home}/pipe`)).toBe(INVALID);
    writeFileSync(`${home}/loop`, `load ${home}/loop\n`);
    expect(await client.ask(`load ${home}/loop`)).toMatch(/1022 Invalid argument/);
  });
});

test.each([
  ['02:00:00:00:00:01', 0, 43],
  ['02:00:00:00:00:02', 0, 60],
  ['02:00:00:00:00:0a', 0, 9],
  ['02:00:00:00:00:1a', 0, 12],
  ['02:00:00:00:00:0b', 0, 26],
  ['02:00:00:00:00:0d', 10, 49],
  ['02:00:00:00:00:0d', 20, 39],
  ['02:00:00:00:00:0c', 10, 125],
  ['00:00:00:00:00:00', 0, 0],
])("vde_switch's bucket for %s in VLAN %i is %i", (mac, vlan, bucket) => {
  expect(bucketOf({ mac, vlan }, 128)).toBe(bucket);
});

test.each(['', '-', 'x1', '1x', '0x', '1.5', '9'.repeat(20)])("'%s' is not a number", (word) => {
  expect(() => parseNumber(word)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test.each([
  ['010', 10],
  ['0x1F', 31],
  ['-3', -3],
])('%s is the number %i', (word, number) => {
  expect(parseNumber(word)).toBe(number);
});

test('a line is split into its first word and the rest', () => {
  expect(parseLine('\t port/setuser  1   a b \r')).toEqual({ path: 'port/setuser', argument: '1   a b' });
});
