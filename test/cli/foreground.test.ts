// The console of a switch in the foreground at a terminal: a session with line editing. Pipes, scripts and vde_switch's
// name get what they always got.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ConsoleClient } from '../../src/ctl/console-client.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { compat, run, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';
import { until } from '../support/wait.ts';

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

  test('a terminal that is not read loses debug lines and log lines, which are counted', async () => {
    const home = temporaryDirectory();
    const [mgmt, pidFile] = [`${home}/mgmt`, `${home}/pid`];
    const screen = new Screen(tsvde, ['-s', `${home}/lab`, '-M', mgmt, '-p', pidFile, '-n', '4000'], {}, 100);
    await screen.enter('debug/add port', /port\nlab\$$/);
    const client = await ConsoleClient.connect(mgmt);
    atEnd(() => client.close());
    const hangUp = () => execFileSync('kill', ['-HUP', readFileSync(pidFile, 'utf8').trim()]);
    screen.stall();
    await Promise.all(Array.from({ length: 3500 }, (_, index) => client.ask(`port/create ${index + 1}`)));
    hangUp();
    await client.ask('port/create 3999');
    screen.resume();
    await until(() => {
      hangUp();
      return screen.text.includes('log lines were lost: nobody read them');
    }, 'the count of lost lines');
    await screen.enter('port/create 3998', /3021 port\/\+ 3998\n[\s\S]*lab\$$/);
    expect(screen.text).not.toContain('3999');
  });

  test('log lines go to stderr if that is another terminal', async () => {
    const other = new Screen('sh', ['-c', 'tty; exec sleep 60'], {});
    await other.shows(/^\/dev\/pts\/\d+$/);
    const home = temporaryDirectory();
    const line = `exec ${tsvde} -s ${home}/lab -p ${home}/pid 2>${other.text}`;
    const screen = new Screen('sh', ['-c', line], {}, 100);
    await screen.shows(/^lab\$$/);
    execFileSync('kill', ['-HUP', readFileSync(`${home}/pid`, 'utf8').trim()]);
    await other.shows('tsvde: Caught signal 1');
    await screen.enter('port/create 3', /^lab\$ port\/create 3\nlab\$$/);
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

  test('keeps no history in a file that is a symbolic link', async () => {
    const home = temporaryDirectory();
    mkdirSync(`${home}/tsvde`);
    symlinkSync(`${home}/elsewhere`, `${home}/tsvde/tsvdectl_history`);
    const screen = new Screen(tsvde, ['-s', `${home}/lab`], { XDG_STATE_HOME: home }, 160);
    await screen.shows(/cannot keep the history in '.*': it is a symbolic link[\s\S]*lab\$$/);
    await screen.enter('port/create 3', /port\/create 3\nlab\$$/);
    expect(existsSync(`${home}/elsewhere`)).toBe(false);
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

describeWith(['/usr/bin/python3', 'root'], 'a switch in the foreground that becomes another user', () => {
  test('keeps no history, since the home directory is that of root', async () => {
    const home = temporaryDirectory();
    chmodSync(home, 0o777);
    const words = ['-s', `${home}/lab`, '--user', 'nobody'];
    const screen = new Screen(tsvde, words, { XDG_STATE_HOME: `${home}/state` }, 100);
    await screen.shows(/'\nlab\$$/);
    await screen.enter('port/create 3', /port\/create 3\nlab\$$/);
    screen.type(UP);
    await screen.shows(/lab\$ port\/create 3\nlab\$ port\/create 3$/);
    expect(existsSync(`${home}/state`)).toBe(false);
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
