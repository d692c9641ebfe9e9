// The levels of commands: what a session may use, by the level of its user.
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { includes, LEVELS, type Level } from '../../src/console/level.ts';
import { ConsoleClient, serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { compat, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

const USER = 65534; // nobody
const REFUSED = '1001 Operation not permitted\n';

/** The level that each command needs with the argument. */
const NEEDED: [command: string, level: Level][] = [
  ['showinfo', 'look'],
  ['port/print', 'look'],
  ['counters', 'look'],
  ['hash/print', 'look'],
  ['user/hostfwd list', 'look'],
  ['debug/add port', 'look'],
  ['json port/showinfo', 'look'],
  ['port/create 7', 'change'],
  ['vlan/create 7', 'change'],
  ['port/sethub 0', 'change'],
  ['hash/flush', 'change'],
  ['fstp/setfstp 0', 'change'],
  ['plugin/add dump', 'see'],
  ['debug/add dump', 'see'],
  ['debug/add', 'see'],
  ['dump/active 1', 'see'],
  ['capture/remove none', 'see'],
  ['capture/stream', 'see'],
  ['pdump/filename', 'look'],
  ['capture/add c file=/dev/null', 'full'],
  ['pdump/filename /dev/null', 'full'],
  ['pdump/active 0', 'full'],
  ['iplog/logfile /dev/null', 'full'],
  ['load /dev/null', 'full'],
  ['json load /dev/null', 'full'],
  ['port/attach tap,ifname=x', 'full'],
  ['port/detach 1', 'full'],
  ['user/hostfwd add tcp::2222-:22', 'full'],
  ['user/hostfwd listen', 'full'],
  ['shutdown', 'full'],
];

async function serve(level?: Level) {
  const net = await network();
  const served = await serveConsole(net, 0o666, level);
  chmodSync(dirname(served.path), 0o755);
  const root = await served.connect();
  for (const name of ['pdump', 'iplog']) await root.ask(`plugin/add ${name}`);
  return { ...served, root };
}

describeWith(['root'], 'a session of a user who is neither root nor the owner of the switch', () => {
  describe.each(LEVELS)('that holds the level %s', (held) => {
    test('uses the commands up to that level, and is refused the others by name', async () => {
      const { connect, shutdowns, root } = await serve(held);
      const client = await connect(USER);
      await client.ask('explain 1');
      const commands = NEEDED.filter(([command]) => command !== 'capture/stream' && command !== 'shutdown');
      if (!includes(held, 'see')) await root.ask('plugin/add dump');
      for (const [command, needed] of commands) {
        const reply = await client.ask(command);
        const [, path] = /^(?:json )?(\S+)/.exec(command)!;
        const refusal = `1001 ${path} needs the level '${needed}', and this session has '${held}': connect as root or as the switch's user, or raise --mgmt-level (EPERM)\n`;
        if (includes(held, needed)) expect(reply, command).not.toContain('1001 ');
        else expect(reply, command).toContain(refusal);
      }
      if (held !== 'full') expect(await client.ask('shutdown')).toContain('1001 ');
      expect(shutdowns()).toBe(0);
    });
  });

  test('has the level change by default, and JSON says so', async () => {
    const { connect, root } = await serve();
    const client = await connect(USER);
    expect(await client.ask('vlan/create 5')).toBe('1000 Success\n');
    expect(await client.ask('capture/stream')).toBe(REFUSED);
    expect(await client.ask('json showinfo')).toContain('"level":"change"');
    expect(await client.ask('json load x')).toContain('"errno":"EPERM","message":"load needs the level \'full\'');
    expect(await root.ask('json showinfo')).toContain('"level":"full"');
  });

  test('cannot read a file by load, nor write one by a plugin, a capture or iplog', async () => {
    const { connect, root } = await serve();
    const home = temporaryDirectory();
    const [secret, target] = [`${home}/secret`, `${home}/target`];
    writeFileSync(secret, 'root:$6$secret\n', { mode: 0o600 });
    const client = await connect(USER);
    await root.ask('plugin/add dump');
    expect(await client.ask(`load ${secret}`)).toBe(REFUSED);
    for (const command of [`pdump/filename ${target}`, `iplog/logfile ${target}`, `capture/add c file=${target}`])
      expect(await client.ask(command)).toBe(REFUSED);
    expect(existsSync(target)).toBe(false);
    expect(await root.ask(`load ${secret}`)).toContain('secret');
  });

  test('cannot run a program by guestfwd, nor open a socket or a TAP', async () => {
    const { connect } = await serve('see');
    const marker = `${temporaryDirectory()}/ran`;
    const client = await connect(USER);
    for (const spec of [
      `user,guestfwd=tcp:10.0.2.100:7-cmd:touch ${marker}`,
      'stream,addr.type=inet',
      'tap',
      'vde,sock=/x',
    ])
      expect(await client.ask(`port/attach ${spec}`)).toBe(REFUSED);
    expect(existsSync(marker)).toBe(false);
  });
});

describeWith(['root'], 'a console of the program', () => {
  async function served(args: readonly string[]) {
    const home = temporaryDirectory();
    chmodSync(home, 0o755);
    const { started } = await startTsvde(['-M', `${home}/mgmt`, '--mgmtmode', '666', ...args], { cwd: home });
    return { started, home, path: `${home}/mgmt`, client: await ConsoleClient.connect(`${home}/mgmt`, USER) };
  }

  test('lets other users look and change', async () => {
    const { client } = await served([]);
    expect(await client.ask('port/create 3')).toBe('1000 Success\n');
    expect(await client.ask('shutdown')).toBe(REFUSED);
  });

  test.each(LEVELS)('gives other users the level of --mgmt-level %s', async (level) => {
    const { client } = await served(['--mgmt-level', level]);
    expect(await client.ask('json showinfo')).toContain(`"level":"${level}"`);
  });

  test('started as vde_switch, lets all who may connect use all commands, unless --mgmt-level is given', async () => {
    for (const [args, answer] of [
      [[], '1000 Success\n'],
      [['--mgmt-level', 'change'], REFUSED],
    ] as const) {
      const home = temporaryDirectory();
      chmodSync(home, 0o755);
      const path = `${home}/mgmt`;
      const words = ['-s', `${home}/ctl`, '-M', path, '--mgmtmode', '666', '--ready-fd', '3', ...args];
      await start(compat('vde_switch'), words, { tellsReady: true }).ready;
      writeFileSync(`${home}/script`, '');
      expect(await (await ConsoleClient.connect(path, USER)).ask(`load ${home}/script`)).toBe(answer);
    }
  });

  test('lets standard input and the rc file use all commands', async () => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/rc`, `vlan/create 9\ncapture/add c file=${home}/c\n`);
    writeFileSync(`${home}/inner`, 'vlan/create 9\n');
    const { started, client } = await served(['--mgmt-level', 'look', '-f', `${home}/rc`]);
    expect(await client.ask('capture/print')).toContain('c running');
    started.stdin.write(`load ${home}/inner\n`);
    await started.output(/1017 File exists/);
  });

  test('an invalid level is refused with the levels that exist', async () => {
    const refused = start(tsvde, ['--mgmt-level', 'root']);
    expect(await refused.exited).toMatchObject({ code: 2 });
    expect(refused.stderr()).toMatch(/Allowed choices are look, change, see, full/);
  });
});
