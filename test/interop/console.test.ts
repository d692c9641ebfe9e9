// The console compared with Debian's vde_switch: the same commands, clients and frames get the same replies. Each
// deliberate difference is shown on both sides.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { randomFrom } from '../conformance.ts';
import { ConsoleClient, serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

/** Starts both switches with ports 1 to 32: vde_switch, which counts port 0, has 33. */
async function both() {
  const home = temporaryDirectory();
  await startVdeSwitch(`${home}/vde`, ['-n', '33', '-M', `${home}/mgmt`]);
  const theirs = await until(
    () => ConsoleClient.connect(`${home}/mgmt`).catch(() => undefined),
    "vde_switch's console",
  );
  const net = await network({ numPorts: 32 });
  const ours = await (await serveConsole(net)).connect();
  return { theirs, ours, directories: [`${home}/vde`, net.directory] as const };
}

/** Masks the parts of a reply that differ between two switches and do not matter. */
function masked(reply: string): string {
  return (
    reply
      .replace(/^VDE switch V\..*\n.*\n/m, 'VERSION\n')
      .replace(/pid \d+ MAC [0-9a-f:]+ uptime \d+/, 'PROCESS')
      .replace(/^mgmt \S+/m, 'mgmt PATH')
      .replace(/ctl dir \S+/, 'ctl dir PATH')
      .replace(/Numports=\d+/, 'Numports=N')
      .replace(/endpoint ID \d+/g, 'endpoint ID N')
      .replace(/age \d+ secs/g, 'age N secs')
      .replace(/pid=\d+/g, 'pid=N')
      .replace(/(80:00:|MAC )([0-9a-f]{2}:){5}[0-9a-f]{2}/g, '$1MAC')
      .replace(/ age \d+ bonus/g, ' age N bonus')
      // vde_switch reports that a port lost its last endpoint even when no endpoint was closed.
      .replace(/^3022 port\/- \d+\n(?=1006)/, '')
      .replace(/^(\S+ +\d{3} (?:ON |OFF) +).*$/gm, '$1HELP')
      // The rows of plugin/list; only tsvde lists plugins that are not loaded.
      .replace(/^(?:dump|pdump|iplog) +not loaded: .*\n/gm, '')
      .replace(/^((?:dump|pdump|iplog) +).*$/gm, '$1HELP')
  );
}

/** Commands that vde_switch does not have. */
const ADDITIONS = [
  'hash/flush',
  'counters',
  'explain',
  'json',
  'port/attach',
  'port/attached',
  'port/detach',
  'port/guests',
  'port/kinds',
  'port/setname',
  'user',
  'user/hostfwd',
  'user/info',
  'capture',
  'capture/add',
  'capture/remove',
  'capture/print',
  'capture/stream',
  'mirror',
  'mirror/add',
  'mirror/remove',
  'mirror/print',
  'events',
  'events/stream',
];

/** The names and the syntax in a help text, in order. The descriptions beside them are tsvde's own. */
function helpRows(help: string): string[] {
  return help
    .split('\n')
    .map((row) => row.slice(0, 34).trimEnd())
    .filter((row) => !ADDITIONS.includes(row.split(' ')[0]!));
}

const NUMBERS = ['0', '1', '2', '3', '7', '31', '32', '33', '99', '-1'];
// 4094 is absent: only tsvde can create it. vlan/remove is not given 0, which only vde_switch can remove.
const VLANS = ['0', '1', '2', '10', '4093', '4095', '4096', '-1'];
const PORT_COUNTS = ['20', '32', '40', '-5'];
const PLUGINS = ['dump', 'pdump', 'iplog'];
/** Commands that take several numbers; the test gives them too few. */
const NUMERIC_COMMANDS = [
  'port/setvlan',
  'port/allocatable',
  'port/setuser',
  'port/setgroup',
  'port/epclose',
  'vlan/addport',
  'vlan/delport',
  'fstp/setedge',
  'fstp/bonus',
];
const NAMES = ['root', 'daemon', '0', '12', 'NONE', 'ANY', 'no-such-name'];

function randomCommand(below: (limit: number) => number, script: string): string {
  const pick = (words: readonly string[]) => words[below(words.length)]!;
  const port = () => pick(NUMBERS);
  const vlan = () => pick(VLANS);
  const category = () => pick(['port', 'hash', 'port/+', 'port/ep', 'hash/-', 'fstp', 'fstp/root', '', 'no-such']);
  const commands = [
    () => 'ds/showinfo',
    () => 'showinfo',
    () => 'port/showinfo',
    () => 'hash/showinfo',
    () => 'port/createauto',
    () => `port/create ${pick(NUMBERS.slice(1))}`,
    () => `port/create ${pick(NUMBERS.slice(1))}`,
    () => `port/remove ${pick(NUMBERS.slice(1))}`,
    () => `port/allocatable ${port()} ${below(2)}`,
    () => `port/setuser ${port()} ${pick(NAMES)}`,
    () => `port/setgroup ${port()} ${pick(NAMES)}`,
    () => `port/epclose ${port()} 99`,
    () => `port/resetcounter ${port()}`,
    () => `port/print ${port()}`,
    () => `port/allprint ${port()}`,
    () => 'port/print',
    () => 'port/allprint',
    () => `port/sethub ${below(2)}`,
    () => `hash/setexpire ${port()}`,
    () => `hash/setgcint ${port()}`,
    () => `hash/setminper ${port()}`,
    () => `hash/setsize ${pick(['-1', '0', '1', '2', '100', '128', '1000'])}`,
    () => `port/setvlan ${port()} ${vlan()}`,
    () => `port/setvlan ${port()} ${vlan()}`,
    () => `vlan/create ${vlan()}`,
    () => `vlan/create ${vlan()}`,
    () => `vlan/remove ${pick(VLANS.slice(1))}`,
    () => `vlan/addport ${vlan()} ${port()}`,
    () => `vlan/addport ${vlan()} ${port()}`,
    () => `vlan/delport ${vlan()} ${port()}`,
    () => `vlan/print ${vlan()}`,
    () => `vlan/allprint ${pick(VLANS.slice(1))}`,
    () => 'vlan/print',
    () => 'vlan/allprint',
    () => 'fstp/showinfo',
    () => `fstp/setfstp ${below(2)}`,
    () => `fstp/setedge ${vlan()} ${port()} ${below(2)}`,
    () => `fstp/bonus ${vlan()} ${port()} ${below(1000)}`,
    () => `fstp/print ${vlan()}`,
    () => 'fstp/print',
    () => `debug/add ${category()}`,
    () => `debug/del ${category()}`,
    () => `debug/list ${category()}`,
    () => 'hash/print',
    () => 'hash/find 02:00:00:00:00:99',
    () => `hash/find ${pick(['zz', '1:2:3', '1:2:3:4:5', ''])}`,
    () => `hash/find 02:00:00:00:00:99 ${vlan()}`,
    () => 'load /nowhere/at/all',
    () => `load ${script}`,
    () => pick(NUMERIC_COMMANDS),
    () => `${pick(NUMERIC_COMMANDS)} ${pick(['1', '10'])}`,
    () => `port/setnumports ${pick(PORT_COUNTS)}`,
    () => `plugin/add ${pick(PLUGINS)}`,
    () => `plugin/add /usr/lib/vde2/plugins/${pick(PLUGINS)}.so`,
    () => `plugin/del ${pick(['', 'd', 'pd', 'iplog', 'x'])}`,
    () => `plugin/list ${pick(['', 'd', 'p', 'x'])}`,
    () => pick(['pdump/filename', 'iplog/showinfo', 'iplog/list', 'iplog/ipport 3', 'iplog/ipdel x']),
    () => `help ${pick(['', 'port', 'vlan/a', 'hash/s', 'plugin', 'iplog', 'pdump', 'no-such', 'fstp', 'l'])}`,
    () => pick(['foo', 'port', 'port/', 'hash', 'PORT/PRINT', 'Help', '?', '9']),
    () => pick(['', '   ', '# comment']),
  ];
  return commands[below(commands.length)]!();
}

/** The command for vde_switch, which counts port 0 among its ports. */
function forVdeSwitch(command: string): string {
  return command.replace(/^(port\/setnumports )(.*)/, (_, path, number) => `${path}${Number(number) + 1}`);
}

describeWith(['vde_switch', 'root'], 'the console compared with vde_switch', () => {
  test.each([1, 2, 3, 4, 5])('400 random commands get the same replies: seed %i', async (seed) => {
    const { theirs, ours } = await both();
    const below = randomFrom(seed);
    const script = `${temporaryDirectory()}/script`;
    writeFileSync(script, '# a script\nport/create 9\n  vlan/create 7\nbogus\nport/allprint 9\nlogout\nvlan/print 7\n');
    const given: string[] = [];
    for (let i = 0; i < 400; i++) {
      const command = randomCommand(below, script);
      given.push(command);
      const [expected, got] = [await theirs.ask(forVdeSwitch(command)), await ours.ask(command)];
      const context = `seed ${seed}, after:\n${given.slice(-20).join('\n')}`;
      if (command.startsWith('help')) expect(helpRows(got), context).toEqual(helpRows(expected));
      else expect(masked(got), context).toBe(masked(expected));
    }
  });

  test('replies about clients, frames and addresses are the same', async () => {
    const { theirs, ours, directories } = await both();
    for (const directory of directories) {
      const a = await Recorder.join(directory, { port: 3, description: 'first' });
      const b = await Recorder.join(directory, { port: 3, description: 'second' });
      const c = await Recorder.join(directory);
      const d = await Recorder.join(directory, { port: 0, description: 'at port 0' });
      for (const last of ['01', '02', '0a', '1a', '0b']) a.send(frame(BROADCAST, `02:00:00:00:00:${last}`, 100));
      c.send(frame('02:00:00:00:00:01', '02:00:00:00:00:cc', 200));
      await a.receives(frame('02:00:00:00:00:01', '02:00:00:00:00:cc', 200));
      await b.receives(frame('02:00:00:00:00:01', '02:00:00:00:00:cc', 200));
      await until(() => d.frames.length === 5, 'the broadcasts at port 0');
    }
    for (const command of [
      'port/print',
      'port/allprint',
      'port/print 3',
      'hash/print',
      'port/remove 3',
      'port/setnumports 2',
      'hash/setsize 1000',
      'hash/print',
      'port/resetcounter 3',
      'port/print 3',
    ]) {
      expect(masked(await ours.ask(command)), command).toBe(masked(await theirs.ask(command)));
    }
  });

  test('a script that closes an endpoint continues with the port empty', async () => {
    const { theirs, ours, directories } = await both();
    for (const directory of directories) await Recorder.join(directory, { port: 3 });
    for (const client of [theirs, ours]) {
      const [, id] = /endpoint ID 0*(\d+)/.exec(await client.ask('port/print 3'))!;
      const script = `${temporaryDirectory()}/script`;
      writeFileSync(script, `port/epclose 3 ${id}\nport/remove 3\nport/create 3\n`);
      expect((await client.ask(`load ${script}`)).match(/^1\d{3}/gm)).toEqual(['1000', '1000', '1000', '1000']);
    }
  });

  test('help lists the same commands in the same order, and the additions of tsvde', async () => {
    const { theirs, ours } = await both();
    const own = await ours.ask('help');
    expect(helpRows(own)).toEqual(helpRows(await theirs.ask('help')));
    for (const path of ADDITIONS) expect(own).toMatch(new RegExp(`^${path} `, 'm'));
  });

  test('logout ends the session with the same line', async () => {
    const { theirs, ours } = await both();
    const said = [theirs, ours].map(async (client) => {
      client.socket.write('logout\n');
      await until(() => client.ended, 'the end of the session');
      return client.take();
    });
    expect(await Promise.all(said)).toEqual(['9999 END OF SESSION', '9999 END OF SESSION']);
  });

  const DATA = "0000 DATA END WITH '.'\n";
  const OK = '1000 Success\n';
  const UNKNOWN = '1038 Function not implemented\n';
  const INVALID = '1022 Invalid argument\n';
  test.each([
    ['a longer name is not taken for a command', 'port/print7', `${DATA}.\n1006 No such device or address\n`, UNKNOWN],
    ['a longer name is not taken for a command', 'hash/showinfoXYZ', expect.stringContaining(OK), UNKNOWN],
    ['a word that is not a number is refused', 'port/create abc', OK, INVALID],
    ['a missing number is refused', 'port/create', OK, INVALID],
    ['a missing number is refused', 'port/sethub', OK, INVALID],
    [
      'a leading zero does not make a number octal',
      'port/allocatable 010 1',
      '1006 No such device or address\n',
      '1006 No such device or address\n',
    ],
    ['more than 65535 ports are refused', 'port/setnumports 100000', OK, INVALID],
    ['a flag other than 0 and 1 is refused', 'port/allocatable 1 5', '1006 No such device or address\n', INVALID],
  ])('%s: %s', async (_, command, expected, own) => {
    const { theirs, ours } = await both();
    expect(await theirs.ask(command)).toEqual(expected);
    expect(await ours.ask(command)).toEqual(own);
  });

  test.each([
    ['VLAN 4094 can be created', ['vlan/create 4094'], INVALID, OK],
    ['VLAN 0 cannot be removed', ['vlan/remove 0'], OK, '1098 Address already in use\n'],
    ['vlan/allprint takes VLAN 0', ['vlan/allprint 0'], `${DATA}.\n${INVALID}`, `${DATA}VLAN 0000\n.\n${OK}`],
    [
      'debug/del of a category that debug/list does not show is invalid',
      ['debug/del mgmt'],
      '1002 No such file or directory\n',
      INVALID,
    ],
    [
      'a plugin of any other name is invalid',
      ['plugin/add no-such-plugin'],
      '1002 No such file or directory\n',
      INVALID,
    ],
  ])('%s: %j', async (_, commands, expected, own) => {
    const { theirs, ours } = await both();
    for (const command of commands.slice(0, -1)) for (const client of [theirs, ours]) await client.ask(command);
    expect(await theirs.ask(commands.at(-1)!)).toBe(expected);
    expect(await ours.ask(commands.at(-1)!)).toBe(own);
  });

  test.each([
    [['port/setnumports 2147483647'], INVALID],
    [['hash/setsize 1073741825'], INVALID],
    [['vlan/remove 0', 'port/create 3'], OK],
    [['port/create 3', 'port/setuser 3 12345678', 'port/allprint 3'], expect.stringContaining('(User: 12345678 - ')],
  ])('commands that end vde_switch get a reply: %j', async (commands, own) => {
    const { theirs, ours } = await both();
    for (const command of commands) await theirs.ask(command);
    await until(() => theirs.ended, 'the end of vde_switch');
    let reply = '';
    for (const command of commands) reply = await ours.ask(command);
    expect(reply).toEqual(own);
  });

  test('vlan/print shows the ports of a hub, where vde_switch shows none', async () => {
    const { theirs, ours, directories } = await both();
    for (const directory of directories) await Recorder.join(directory, { port: 3 });
    for (const client of [theirs, ours]) await client.ask('port/sethub 1');
    expect(await theirs.ask('vlan/print 0')).toBe(`${DATA}VLAN 0000\n.\n${OK}`);
    expect(await ours.ask('vlan/print 0')).toContain(' -- Port 0003 tagged=0 active=1 status=Forwarding\n');
  });

  test('port/print shows the current and the permitted user, where vde_switch repeats the current', async () => {
    const { theirs, ours, directories } = await both();
    for (const client of [theirs, ours])
      for (const command of ['port/create 3', 'port/setuser 3 daemon']) await client.ask(command);
    for (const directory of directories) await Recorder.join(directory, { port: 3 });
    expect(await theirs.ask('port/print 3')).toContain(
      ' Current User: root Access Control: (User: root - Group: NONE)',
    );
    expect(await ours.ask('port/print 3')).toContain(
      ' Current User: root Access Control: (User: daemon - Group: NONE)',
    );
  });

  test('port/epclose of an unknown endpoint reports no lost endpoint, where vde_switch does', async () => {
    const { theirs, ours } = await both();
    for (const client of [theirs, ours])
      for (const command of ['port/create 3', 'debug/add port']) await client.ask(command);
    expect(await theirs.ask('port/epclose 3 99')).toBe('3022 port/- 03\n1006 No such device or address\n');
    expect(await ours.ask('port/epclose 3 99')).toBe('1006 No such device or address\n');
  });

  test('an empty line of a script is skipped, where vde_switch takes it for a command', async () => {
    const { theirs, ours } = await both();
    const script = `${temporaryDirectory()}/script`;
    writeFileSync(script, 'port/create 3\n\n');
    expect(await theirs.ask(`load ${script}`)).toContain(`]: \n\n${UNKNOWN}${OK}`);
    expect(await ours.ask(`load ${script}`)).toMatch(/\]: \n1000 Success\n$/);
  });

  test('hash/find names the port of the address, where vde_switch names the next port', async () => {
    const { theirs, ours, directories } = await both();
    for (const directory of directories) {
      const a = await Recorder.join(directory, { port: 5 });
      const b = await Recorder.join(directory);
      a.send(frame(BROADCAST, '02:00:00:00:00:01'));
      await b.receives(frame(BROADCAST, '02:00:00:00:00:01'));
    }
    expect(await theirs.ask('hash/find 02:00:00:00:00:01')).toContain('to port: 006');
    expect(await ours.ask('hash/find 02:00:00:00:00:01')).toContain('to port: 005');
  });

  test('two commands in one write get two replies, where vde_switch drops the second', async () => {
    const { theirs, ours } = await both();
    for (const client of [theirs, ours]) client.socket.write('port/create 5\nport/create 6\n');
    expect(await theirs.replies(1)).toBe(OK);
    expect(await ours.replies(2)).toBe(`${OK}\nvde$ ${OK}`);
    expect(await theirs.ask('port/allprint 6')).toContain('1006');
    expect(await ours.ask('port/allprint 6')).toContain('Port 0006');
  });

  test('an address that is seen on another port moves at once, where vde_switch waits for a silence', async () => {
    const { theirs, ours, directories } = await both();
    for (const client of [theirs, ours]) await client.ask('hash/setminper 1000');
    for (const directory of directories) {
      const a = await Recorder.join(directory, { port: 1 });
      const b = await Recorder.join(directory, { port: 2 });
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        from.send(frame(BROADCAST, '02:00:00:00:00:01'));
        await to.receives(frame(BROADCAST, '02:00:00:00:00:01'));
      }
    }
    expect(await theirs.ask('hash/print')).toContain('02:00:00:00:00:01 VLAN 0000 to port: 001');
    expect(await ours.ask('hash/print')).toContain('02:00:00:00:00:01 VLAN 0000 to port: 002');
  });

  test('a plug that disconnects forgets only its own addresses, where vde_switch forgets all', async () => {
    const { theirs, ours, directories } = await both();
    for (const directory of directories) {
      const a = await Recorder.join(directory, { port: 1 });
      const b = await Recorder.join(directory, { port: 2 });
      a.send(frame(BROADCAST, '02:00:00:00:00:01'));
      await b.receives(frame(BROADCAST, '02:00:00:00:00:01'));
      b.plug.close();
    }
    for (const client of [theirs, ours])
      await until(async () => (await client.ask('port/print 2')).includes('1006'), 'the end of port 2');
    expect(await theirs.ask('hash/print')).toBe(`${DATA}.\n${OK}`);
    expect(await ours.ask('hash/print')).toContain('02:00:00:00:00:01');
  });
});
