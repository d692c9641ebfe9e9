// tsvdectl and vdeterm at a terminal, on our console and on Debian's vde_switch, driven by keys and compared by screen.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { consoles } from '../support/consoles.ts';
import { describeWith } from '../support/needs.ts';
import { compat, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';

const KINDS = Object.keys(consoles) as (keyof typeof consoles)[];
const UP = '\x1b[A';
const CTRL_C = '\x03';
const CTRL_D = '\x04';

describeWith(['/usr/bin/python3', 'vde_switch', 'root'], 'tsvdectl and vdeterm at a terminal', () => {
  async function openTerminal(kind: keyof typeof consoles, columns?: number) {
    const { path, ask } = await consoles[kind]();
    const state = temporaryDirectory();
    const open = () => new Screen(tsvdectl, ['-M', path], { XDG_STATE_HOME: state }, columns);
    const screen = open();
    await screen.shows(/\w+\$$/);
    return { screen, ask, open, path, history: `${state}/tsvde/tsvdectl_history` };
  }

  test.each(KINDS)('tsvdectl on %s shows data and errors, and ends at logout', async (kind) => {
    const { screen } = await openTerminal(kind);
    expect(screen.text).toMatch(/^VDE switch V\.2\.3\./);
    await screen.enter('port/create 3', /port\/create 3\n\w+\$$/);
    await screen.enter('port/create 3', /port\/create 3\n(File exists|port 3 exists already \(EEXIST\))\n\w+\$$/);
    await screen.enter('port/allprint', /\nPort 0003 [\s\S]*\n\w+\$$/);
    screen.type('logout\r');
    expect(await screen.exit()).toBe(0);
  });

  test.each(KINDS)('tsvdectl on %s completes commands, ports and VLANs', async (kind) => {
    const { screen, ask } = await openTerminal(kind);
    for (const line of ['port/create 3', 'port/create 17', 'vlan/create 1234']) await ask(line);
    screen.type('vlan/ad\t');
    await screen.shows(/\w+\$ vlan\/addport$/);
    screen.type('12\t');
    await screen.shows(/vlan\/addport 1234$/);
    screen.type('\t'); // the second tab lists the candidates
    await screen.shows(/\n3 +17 *\n/);
    screen.type('1\t');
    await screen.shows(/\n\w+\$ vlan\/addport 1234 17$/);
    await screen.enter('', /\n\w+\$ vlan\/addport 1234 17\n\w+\$$/);
    expect(await ask('vlan/allprint 1234')).toContain(' -- Port 0017 tagged=1');
  });

  test.each([40, 80])('debug lines do not break the line being typed, on %i columns', async (columns) => {
    const { screen, ask } = await openTerminal('tsvde', columns);
    await screen.enter('debug/add port', /debug\/add port\n\w+\$$/);
    const line = 'port/print 12345678901234567890123456789012345678901234567890 and so on, to the end';
    screen.type(line);
    const typed = () => screen.text.split('\n').slice(4).join('');
    await screen.shows(/the end$/);
    const column = screen.column;
    await ask('port/create 3');
    await screen.shows('3021 port/+ 03');
    await ask('port/create 4');
    await screen.shows('3021 port/+ 04');
    await screen.shows(/the end$/);
    // Each debug line is above once, the typed line is below once, and the cursor is where it was.
    expect(typed()).toBe(`3021 port/+ 033021 port/+ 04ctl$ ${line}`);
    expect(screen.column).toBe(column);
    await screen.enter('', /\(EINVAL\)\n\w+\$$/);
  });

  test("control characters in a client's description are escaped on the terminal", async () => {
    const { screen, ask, path } = await openTerminal('vde_switch');
    const plug = await Plug.connect(path.replace('mgmt', 'ctl'), { description: '\x1b[2J\x1b[31mred' });
    atEnd(() => plug.close());
    expect(await ask('port/print')).toContain('\x1b[2J');
    await screen.enter('port/print', / : \\x1b\[2J\\x1b\[31mred/);
    expect(screen.text).toMatch(/^VDE switch/);
    const once = new Screen(tsvdectl, ['-M', path, 'port/print'], {});
    expect(await once.exit()).toBe(0);
    expect(once.text).toMatch(/^Port 0001 [\s\S]* : \\x1b\[2J\\x1b\[31mred/);
  });

  test('history is kept between sessions and readable only by its owner', async () => {
    const { screen, open, history } = await openTerminal('tsvde');
    await screen.enter('port/create 9', /port\/create 9\n\w+\$$/);
    screen.type(CTRL_D);
    expect(await screen.exit()).toBe(0);
    expect(readFileSync(history, 'utf8')).toBe('port/create 9\n');
    expect(statSync(history).mode & 0o777).toBe(0o600);
    const again = open();
    await again.shows(/\w+\$$/);
    again.type(UP);
    await again.shows(/\w+\$ port\/create 9$/);
    await again.enter('', /port 9 exists already \(EEXIST\)\n\w+\$$/);
  });

  test('tsvdectl says once that history cannot be kept, and works', async () => {
    const { path } = await openTerminal('tsvde');
    const file = `${temporaryDirectory()}/file`;
    writeFileSync(file, '');
    const screen = new Screen(tsvdectl, ['-M', path], { XDG_STATE_HOME: file }, 120);
    await screen.shows(/cannot keep the history in '.*': Not a directory[\s\S]*\w+\$$/);
    await screen.enter('port/create 3', /port\/create 3\n\w+\$$/);
    expect(screen.text.match(/cannot keep the history/g)).toHaveLength(1);
  });

  test('Ctrl-C discards the typed line, and ends tsvdectl at an empty line', async () => {
    const { screen } = await openTerminal('tsvde');
    screen.type('port/create 3');
    await screen.shows(/port\/create 3$/);
    screen.type(CTRL_C);
    await screen.shows(/\^C\n\w+\$$/);
    await screen.enter('port/showinfo', /\w+\$ port\/showinfo\nNumports=32/);
    screen.type(CTRL_C);
    expect(await screen.exit()).toBe(-2);
  });

  test('the end of the switch ends tsvdectl with a sentence', async () => {
    const { screen, ask } = await openTerminal('tsvde');
    void ask('shutdown');
    expect(await screen.exit()).toBe(255);
    await screen.shows(/tsvdectl: '.*' has closed the connection/);
  });

  test.each(KINDS)("unixterm on %s shows the same text as Debian's unixterm", async (kind) => {
    const { path } = await consoles[kind]();
    const texts: string[] = [];
    for (const program of ['unixterm', compat('unixterm')]) {
      const screen = new Screen(program, [path], {});
      await screen.shows(/\w+\$$/);
      await screen.enter('port/showinfo', /1000 Success\n\n\w+\$$/);
      texts.push(screen.text);
      screen.type(CTRL_D);
      expect(await screen.exit()).toBe(0);
    }
    expect(texts[1]).toBe(texts[0]);
  });

  test.each(KINDS)("vdeterm on %s shows no reply codes, as Debian's vdeterm", async (kind) => {
    const { path, ask } = await consoles[kind]();
    const ours = new Screen(compat('vdeterm'), [path], {});
    const theirs = new Screen('vdeterm', [path], {});
    const texts: string[] = [];
    for (const screen of [ours, theirs]) {
      await screen.shows(/V\.[\s\S]*vde\[.*\]:$/);
      await screen.enter('port/showinfo', /Numports=\d+\nHUB=false\ncounters=true\nSuccess\nvde/);
      await screen.enter('nonsense', /Function not implemented\nvde/);
      await screen.enter('debug/add port', /debug\/add port\n(\n.*)?Success\nvde\[.*\]:$/);
      screen.type('port/sho\t'); // both programs complete it
      await screen.shows(/port\/showinfo$/);
      await ask(`port/create ${texts.length + 3}`);
      await screen.shows(`** DBG MSG: port/+ 0${texts.length + 3}`);
      await screen.shows(/port\/showinfo$/);
      texts.push(screen.text);
      screen.type('\r');
      screen.type(CTRL_D);
      expect(await screen.exit()).toBe(0);
    }
    // Debian's vdeterm prints an empty line after each command.
    const lines = (text: string) => text.replace(/\n\n/g, '\n').replace(/\+ 0\d/g, '+ N');
    expect(lines(texts[0]!)).toBe(lines(texts[1]!));
  });
});
