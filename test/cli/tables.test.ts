// tsvdectl's tables, in scripts and at a terminal, on tsvde's console and on vde_switch's.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { consoles } from '../support/consoles.ts';
import { describeWith } from '../support/needs.ts';
import { run, start, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';

/** Starts a switch with a guest on port 1 and a port 7 named spare. */
async function lab() {
  const console = await consoles.tsvde();
  const [, directory] = /^ctl dir (.*)$/m.exec(await console.ask('ds/showinfo'))!;
  const plug = await Plug.connect(directory!, {
    description: 'tsvdeq name=web user=root pid=7 with more to say than a terminal has room for',
  });
  atEnd(() => plug.close());
  for (const line of ['port/create 7', 'port/setname 7 spare']) await console.ask(line);
  const ctl = (...args: string[]) => run(tsvdectl, ['-M', console.path, ...args]);
  const at = (columns: number, env: NodeJS.ProcessEnv, ...args: string[]) =>
    new Screen(tsvdectl, ['-M', console.path, ...args], env, columns);
  return { ...console, ctl, at };
}

test('in a pipe, a table is whole, without colours, and followed by nothing', async () => {
  const { ctl } = await lab();
  expect(await ctl('ports')).toEqual({
    code: 0,
    signal: null,
    stdout: [
      'PORT  NAME   STATE  VLAN  RX bit/s  TX bit/s  RX/s  TX/s  DROPS  QUEUE  ENDPOINT',
      '   1  web    up        0         0         0     0     0      0      0  vde tsvdeq user=root pid=7 with more to say than a terminal has room for',
      '   7  spare  down      0         0         0     0     0      0      0',
      '',
    ].join('\n'),
    stderr: '',
  });
  expect((await ctl('vlans')).stdout).toBe('VLAN  UNTAGGED               TAGGED\n   0  1 web, 7 spare (down)  -\n');
  expect((await ctl('macs')).stdout).toBe('ADDRESS  VLAN  PORT  NAME  AGE  ENDPOINT\n');
  expect((await ctl('attachments')).stdout).toBe('ID  KIND  PORTS  ADDRESSES  SPEC\n');
  expect((await ctl('port', 'spare')).stdout).toMatch(/^Port {9}7 spare\nState {8}down\n/);
});

test('--json before or after the word gives one line, and --watch gives lines repeatedly', async () => {
  const { ctl, path } = await lab();
  for (const args of [
    ['--json', 'port', 'web'],
    ['port', 'web', '--json'],
  ]) {
    const { code, stdout } = await ctl(...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toMatchObject({
      code: 1000,
      errno: null,
      data: { port: 1, name: 'web', rx: { frames: 0 } },
    });
  }
  const watching = start(tsvdectl, ['-M', path, '--watch=0.1', 'vlans', '--json']);
  await watching.output(/^(\{.*\}\n){3}/);
  await watching.stop('SIGINT');
  const again = start(tsvdectl, ['-M', path, 'vlans', '--watch=0.1']);
  await again.output(/^VLAN .*\n.*\n\nVLAN .*\n.*\n\nVLAN/);
  await again.stop('SIGINT');
});

test('scripts may use tables too, and errors say what is wrong in text and in JSON', async () => {
  const { path, ctl } = await lab();
  const started = start(tsvdectl, ['-M', path]);
  started.stdin.end('vlans\nport/print nobody\nport nobody\nprots\nexit\nvlans\n');
  expect(await started.exited).toMatchObject({ code: 22 });
  expect(started.stdout()).toMatch(/^VLAN .*\n.*\n$/);
  expect(started.stderr()).toBe(
    [
      "tsvdectl: port/print nobody: 'nobody' is neither the number nor the name of a port (EINVAL)",
      "tsvdectl: port nobody: 'nobody' is neither the number nor the name of a port (EINVAL)",
      "tsvdectl: prots: there is no command 'prots'; did you mean 'ports'? (ENOSYS)",
      '',
    ].join('\n'),
  );
  expect(await ctl('--ignore', 'EINVAL', 'port', 'nobody')).toMatchObject({ code: 0 });
  const { code, stdout } = await ctl('--json', 'port', '9');
  expect(code).toBe(6);
  expect(JSON.parse(stdout)).toEqual({ code: 1006, errno: 'ENXIO', message: 'there is no port 9', data: null });
  expect(await ctl('--watch', 'showinfo')).toMatchObject({
    code: 22,
    stderr: 'tsvdectl: showinfo: --watch goes with ports, port, macs, vlans and attachments (EINVAL)\n',
  });
  expect(await ctl('--watch=soon', 'ports')).toMatchObject({ code: 255 });
});

test('? shows the words of tsvdectl before the help of the console, which is unchanged', async () => {
  const { ctl } = await lab();
  const { stdout: ours } = await ctl('?');
  const { stdout: theirs } = await ctl('help');
  expect(theirs).not.toMatch(/^ports /m);
  const rows = (text: string) => text.split('\n');
  expect(
    rows(ours)
      .filter((row) => !rows(theirs).includes(row))
      .map((row) => row.split(' ')[0]),
  ).toEqual(['ports', 'port', 'macs', 'vlans', 'attachments', 'exit', '?']);
  for (const row of rows(ours)
    .filter((row) => /^\w+ /.test(row))
    .slice(0, 7))
    expect(row.length).toBeLessThanOrEqual(80);
  expect((await ctl('--help')).stdout).toMatch(/^ {2}port N +show port N/m);
});

describeWith(['vde_switch', 'root'], 'on vde_switch', () => {
  test('a table needs JSON, and exit and ? work', async () => {
    const { path } = await consoles.vde_switch();
    expect(await run(tsvdectl, ['-M', path, 'ports'])).toMatchObject({
      code: 38,
      stdout: '',
      stderr: expect.stringMatching(/^tsvdectl: the console on '.*' has no JSON, .*: only commands of the console/),
    });
    expect((await run(tsvdectl, ['-M', path, '? port'])).stdout).toMatch(/^port\/print /m);
    expect(await run(tsvdectl, ['-M', path, 'exit'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});

describeWith(['/usr/bin/python3'], 'at a terminal', () => {
  test.each([
    [50, '   1  web    up            0         0      0', ''],
    [80, '   1  web    up        0         0         0      0  vde tsvdeq user=root pid=7…', ''],
    [
      120,
      '   1  web    up        0         0         0     0     0      0      0  vde tsvdeq user=root pid=7 with more to say tha…',
      '',
    ],
  ])('of %i columns a table fits', async (columns, row) => {
    const { at } = await lab();
    const screen = at(columns, { PAGER: '' }, 'ports');
    expect(await screen.exit()).toBe(0);
    expect(screen.text.split('\n')[1]).toBe(row);
    expect(screen.text.split('\n')).toHaveLength(3);
  });

  test('colours are for terminals, and not with NO_COLOR', async () => {
    const { path } = await lab();
    const raw = async (env: string) =>
      (
        await run('/usr/bin/python3', [
          '-c',
          'import pty, sys; pty.spawn(["sh", "-c", sys.argv[1]])',
          `${env} ${tsvdectl} -M ${path} vlans`,
        ])
      ).stdout;
    expect(await raw('TERM=xterm')).toContain('\x1b[1mVLAN\x1b[22m');
    for (const env of ['NO_COLOR=1', 'TERM=dumb']) expect(await raw(env)).not.toContain('\x1b');
  });

  test('--watch draws over the last table', async () => {
    const { at, ask } = await lab();
    const screen = at(80, {}, 'vlans', '--watch=0.1');
    await screen.shows(/^VLAN .*\n {3}0 .*$/);
    await ask('vlan/create 10');
    await screen.shows(/^VLAN .*\n {3}0 .*\n {2}10 .*$/);
    await ask('vlan/remove 10');
    await screen.shows(/^VLAN .*\n {3}0 .*$/);
  });

  test('the prompt has the name of the switch; tables, typos, completion and exit work there', async () => {
    const { at } = await lab();
    const screen = at(80, { XDG_STATE_HOME: temporaryDirectory(), PAGER: 'cat' });
    await screen.shows(/\nctl\$$/);
    await screen.enter('vlans', /\nVLAN .*\n {3}0 {2}1 web, 7 spare \(down\) {2}-\nctl\$$/);
    await screen.enter('vlnas', /\nthere is no command 'vlnas'; did you mean 'vlans'\? \(ENOSYS\)\nctl\$$/);
    await screen.enter('ports --watch', /\n--watch goes with tsvdectl itself: .*\nctl\$$/);
    screen.type('port/attach t\t');
    await screen.shows(/port\/attach tap,$/);
    screen.type('vn\t');
    await screen.shows(/port\/attach tap,vnet_hdr=$/);
    screen.type('\x03');
    await screen.shows(/\^C\nctl\$$/);
    screen.type('port/print sp\t');
    await screen.shows(/port\/print spare$/);
    screen.type('\x03');
    await screen.shows(/spare \^C\nctl\$$|\^C\nctl\$$/);
    screen.type('exit\r');
    expect(await screen.exit()).toBe(0);
  });

  test('--json at the prompt gives lines of JSON', async () => {
    const { at } = await lab();
    const screen = at(200, { XDG_STATE_HOME: temporaryDirectory(), PAGER: 'cat' }, '--json');
    await screen.shows(/\nctl json\$$/);
    await screen.enter('vlans', /\n\{"code":1000,.*"name":"web"/);
    await screen.enter('port 9', /\n\{"code":1006,"errno":"ENXIO",.*\}\nctl json\$$/);
  });

  test('output longer than the terminal goes through the pager, and shorter output does not', async () => {
    const { at } = await lab();
    const pager = `${temporaryDirectory()}/pager`;
    writeFileSync(pager, '#!/bin/sh\necho PAGED $LESS; head -2; cat > /dev/null\n', { mode: 0o755 });
    const paged = at(80, { PAGER: pager }, 'help');
    expect(await paged.exit()).toBe(0);
    expect(paged.text).toMatch(/^PAGED FRX\nCOMMAND PATH .*\n------------ .*$/);
    const short = at(80, { PAGER: pager }, 'port/showinfo');
    expect(await short.exit()).toBe(0);
    expect(short.text).toMatch(/^Numports=32\n/);
    const missing = at(80, { PAGER: '/nowhere/less' }, 'help');
    expect(await missing.exit()).toBe(0);
    expect(missing.text).toContain('user/info');
    const session = at(80, { PAGER: pager, XDG_STATE_HOME: temporaryDirectory() });
    await session.shows(/\nctl\$$/);
    await session.enter('help', /PAGED FRX\nCOMMAND PATH .*\n------------ .*\nctl\$$/);
    await session.enter('port/showinfo', /\nNumports=32\n[\s\S]*ctl\$$/);
  });
});
