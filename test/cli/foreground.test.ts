// The console of a switch in the foreground at a terminal: a session with line editing. Pipes, scripts and vde_switch's name
// get what they always got.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { compat, run, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';

const UP = '\x1b[A';
const CTRL_C = '\x03';
const CTRL_D = '\x04';

function open(program = tsvde, ...words: string[]) {
  const home = temporaryDirectory();
  const directory = `${home}/lab`;
  const screen = new Screen(program, ['-s', directory, ...words], { XDG_STATE_HOME: home }, 100);
  return { home, directory, screen, history: `${home}/tsvde/tsvdectl_history` };
}

describeWith(['/usr/bin/python3'], 'a switch in the foreground at a terminal', () => {
  async function opened(...words: string[]) {
    const one = open(tsvde, ...words);
    await one.screen.shows(/lab\$$/);
    return one;
  }

  test('has a prompt with its name, a history, completion, tables and help', async () => {
    const { screen, history } = await opened();
    expect(screen.text).toMatch(/^tsvde: clients join through '.*\/lab'\nlab\$$/);
    await screen.enter('port/create 17', /port\/create 17\nlab\$$/);
    screen.type(UP);
    await screen.shows(/\nlab\$ port\/create 17$/);
    await screen.enter('', /port 17 exists already \(EEXIST\)\nlab\$$/);
    screen.type('port/setna\t');
    await screen.shows(/\nlab\$ port\/setname$/);
    screen.type('1\t');
    await screen.shows(/\nlab\$ port\/setname 17$/);
    await screen.enter('web', /Port 0017 name=web\nlab\$$/);
    await screen.enter('ports', /\nPORT +NAME[\s\S]*\n +17 +web +down[\s\S]*\nlab\$$/);
    await screen.enter('? vlan/cr', /vlan\/create[\s\S]*\nlab\$$/);
    expect(readFileSync(history, 'utf8')).toMatch(/^port\/create 17\n/);
  });

  test.each([
    ['prot/print', "there is no command 'prot/print'; did you mean 'port/print'? (ENOSYS)"],
    ['prots', "there is no command 'prots'; did you mean 'ports'? (ENOSYS)"],
    ['events', 'events is not a command of the console: run `tsvdectl events` in a shell (EINVAL)'],
    ['exit', 'the console at the terminal ends with the switch: shutdown or Ctrl-D stops the switch (EINVAL)'],
    ['capture/stream', 'capture/stream cannot be used as a command: run tsvdectl capture'],
  ])('answers %s with a sentence', async (line, sentence) => {
    const { screen } = await opened();
    await screen.enter(line, `lab$ ${line}\n${sentence}\nlab$`);
  });

  test('shows log lines and debug lines above the line that is being typed', async () => {
    const { screen, directory } = await opened('--verbose');
    await screen.enter('debug/add port', /port\nlab\$$/);
    screen.type('port/pri');
    await screen.shows(/lab\$ port\/pri$/);
    const guest = await Recorder.join(directory);
    guest.send(frame(BROADCAST, '02:00:00:00:00:01'));
    await screen.shows(/\n3031 port\/ep\/\+ Port 01[\s\S]*\nlab\$ port\/pri$/);
    await screen.shows(/\ntsvde: port 1: endpoint \d+ added[\s\S]*\nlab\$ port\/pri$/);
    expect(screen.text.match(/port\/pri/g)).toHaveLength(1);
    await screen.enter('nt 1', /\nPort 0001 [\s\S]*\nlab\$$/);
  });

  test('Ctrl-C discards the typed line, and stops the switch at an empty one', async () => {
    const { screen, directory } = await opened();
    screen.type('port/create 3');
    await screen.shows(/port\/create 3$/);
    screen.type(CTRL_C);
    await screen.shows(/\^C\nlab\$$/);
    screen.type(CTRL_C);
    expect(await screen.exit()).toBe(-2);
    await screen.shows(/tsvde: Caught signal 2, cleaning up and exiting/);
    expect(existsSync(directory)).toBe(false);
  });

  test.each([
    ['Ctrl-D', CTRL_D, /\ntsvde: EOF on stdin, cleaning up and exiting$/],
    ['shutdown', 'shutdown\r', /\ntsvde: Shutdown from mgmt command$/],
  ])('%s stops the switch', async (_, keys, last) => {
    const { screen, directory } = await opened();
    screen.type(keys);
    expect(await screen.exit()).toBe(0);
    expect(screen.text).toMatch(last);
    expect(existsSync(directory)).toBe(false);
  });

  test('leaves the modes of the terminal as they were, also after SIGTERM', async () => {
    const home = temporaryDirectory();
    const stty = 'stty -a | cksum';
    const line = `${stty}; ${tsvde} -s ${home}/lab -p ${home}/pid; ${stty}; echo over`;
    const screen = new Screen('sh', ['-c', line], { XDG_STATE_HOME: home }, 100);
    await screen.shows(/lab\$$/);
    execFileSync('kill', [readFileSync(`${home}/pid`, 'utf8').trim()]);
    await screen.shows(/\nover$/);
    const sums = screen.text.split('\n').filter((row) => /^\d+ \d+$/.test(row));
    expect(sums).toEqual([sums[0], sums[0]]);
  });

  test('on a dumb terminal shows codes, as in a pipe', async () => {
    const home = temporaryDirectory();
    const screen = new Screen(tsvde, ['-s', `${home}/lab`], { TERM: 'dumb' });
    await screen.shows(/vde\$$/);
    await screen.enter('nonsense', /nonsense\n1038 Function not implemented\n\nvde\$$/);
  });

  test('started as vde_switch has the console of vde_switch', async () => {
    const { screen } = open(compat('vde_switch'));
    await screen.shows(/vde\$$/);
    await screen.enter('port/create 3', /port\/create 3\n1000 Success\n\nvde\$$/);
    await screen.enter('prot/print', /1038 Function not implemented\n\nvde\$$/);
    await screen.enter('logout', /logout\n\nvde\$$/);
  });
});

test('a switch that reads a pipe replies with codes and nothing else', async () => {
  const home = temporaryDirectory();
  const line = `printf 'port/create 3\nprots\nlogout\nevents\n' | ${tsvde} -s ${home}/lab`;
  const { stdout } = await run('sh', ['-c', line]);
  expect(stdout).toBe(
    '1000 Success\n\nvde$ 1038 Function not implemented\n\nvde$ \nvde$ 1038 Function not implemented\n\nvde$ ',
  );
});
