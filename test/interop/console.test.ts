// The console against Debian's vde_switch: the same commands, the same clients and frames, the same words back; and each
// difference that was decided on, seen on both sides.
import { expect, test } from 'vitest';
import { randomFrom } from '../conformance.ts';
import { ConsoleClient, serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

/** Theirs counts port 0 among its 33; both then have ports 1 to 32. */
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

/** What cannot be the same, and does not matter. */
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
      // Theirs says that a port lost its last endpoint also where none could be closed.
      .replace(/^3022 port\/- \d+\n(?=1006)/, '')
      .replace(/^(\S+ +\d{3} (?:ON |OFF) +).*$/gm, '$1HELP')
  );
}

const NUMBERS = ['0', '1', '2', '3', '7', '31', '32', '33', '99', '-1'];
// 4094 is one that only ours can create, and 0 one that only theirs can lose.
const VLANS = ['0', '1', '2', '10', '4093', '4095', '4096', '-1'];
const NAMES = ['root', 'daemon', '0', '12', 'NONE', 'ANY', 'no-such-name'];

function randomCommand(below: (limit: number) => number): string {
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
    () => 'load /nowhere/at/all',
    () => pick(['foo', 'port', 'port/', 'hash', 'PORT/PRINT', 'Help', '?', '9']),
    () => pick(['', '   ', '# comment']),
  ];
  return commands[below(commands.length)]!();
}

describeWith(['vde_switch', 'root'], "the console, beside vde_switch's", () => {
  test.each([1, 2, 3, 4, 5])('400 random commands have the same replies: seed %i', async (seed) => {
    const { theirs, ours } = await both();
    const below = randomFrom(seed);
    const given: string[] = [];
    for (let i = 0; i < 400; i++) {
      const command = randomCommand(below);
      given.push(command);
      const [expected, got] = [await theirs.ask(command), await ours.ask(command)];
      expect(masked(got), `seed ${seed}, after:\n${given.slice(-20).join('\n')}`).toBe(masked(expected));
    }
  });

  test('with clients, frames and addresses', async () => {
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

  test('help has the same columns, and each command of ours is one of theirs', async () => {
    const { theirs, ours } = await both();
    const rows = (help: string) => help.split('\n').slice(3, -3);
    const known = new Map(rows(await theirs.ask('help')).map((row) => [row.slice(0, 34), row]));
    const own = rows(await ours.ask('help')).filter(
      (row) => !/^(hash\/flush|counters|port\/attach|port\/attached|port\/detach)\b/.test(row),
    );
    for (const row of own) expect([...known.keys()]).toContain(row.slice(0, 34));
  });

  const DATA = "0000 DATA END WITH '.'\n";
  const OK = '1000 Success\n';
  const UNKNOWN = '1038 Function not implemented\n';
  const INVALID = '1022 Invalid argument\n';
  test.each([
    ['whole names only', 'port/print7', `${DATA}.\n1006 No such device or address\n`, UNKNOWN],
    ['whole names only', 'hash/showinfoXYZ', expect.stringContaining(OK), UNKNOWN],
    ['a number that is none', 'port/create abc', OK, INVALID],
    ['a number that is missing', 'port/create', OK, INVALID],
    ['a number that is missing', 'port/sethub', OK, INVALID],
    [
      'no octal numbers',
      'port/allocatable 010 1',
      '1006 No such device or address\n',
      '1006 No such device or address\n',
    ],
    ['no more than 65535 ports', 'port/setnumports 100000', OK, INVALID],
    ['a flag is 0 or 1', 'port/allocatable 1 5', '1006 No such device or address\n', INVALID],
  ])('%s: %s', async (_, command, expected, own) => {
    const { theirs, ours } = await both();
    expect(await theirs.ask(command)).toEqual(expected);
    expect(await ours.ask(command)).toEqual(own);
  });

  test('hash/find names the port, and not the next one', async () => {
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

  test('two commands in one write', async () => {
    const { theirs, ours } = await both();
    for (const client of [theirs, ours]) client.socket.write('port/create 5\nport/create 6\n');
    expect(await theirs.replies(1)).toBe(OK);
    expect(await ours.replies(2)).toBe(`${OK}\nvde$ ${OK}`);
    expect(await theirs.ask('port/allprint 6')).toContain('1006');
    expect(await ours.ask('port/allprint 6')).toContain('Port 0006');
  });

  test('a plug that leaves takes only its own addresses along', async () => {
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
