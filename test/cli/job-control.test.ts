// Our programs as jobs of a shell at a terminal. In the background a program does not read the terminal and is not
// stopped; brought to the foreground, it reads the terminal. A switch in the background outlives the terminal.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { compat, endPid, isRunning, tsvde, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';
import { startTsvde } from '../support/tsvde.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const CTRL_Z = '\x1a';
const CTRL_D = '\x04';

describeWith(['/usr/bin/python3', 'bash'], 'jobs of a shell', () => {
  async function shell(...setup: string[]) {
    const screen = new Screen('bash', ['--norc', '--noprofile', '-i'], { PS1: '$ ', HISTFILE: '' }, 160);
    await screen.shows(/\$$/);
    for (const line of setup) await give(screen, line);
    return screen;
  }

  /** Starts a job in the background; returns its process ID. */
  async function background(screen: Screen, ...words: string[]): Promise<number> {
    screen.type(`${words.join(' ')} & echo "pid"=$!\r`);
    await screen.shows(/pid=\d+/);
    const pid = Number(/pid=(\d+)/.exec(screen.text)![1]);
    atEnd(() => endPid(pid, 'SIGKILL'));
    return pid;
  }

  let given = 0;
  /**
   * Gives the shell a line, and waits until the shell has run it. A background program that waited for input would
   * wake up at each key.
   */
  async function give(screen: Screen, line = 'true') {
    given++;
    await screen.enter(`${line}; echo "line"-${given}`, `line-${given}\n$`);
  }

  const hasSocket = (pid: number) =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
      } catch {
        return false; // closed meanwhile
      }
    });
  const state = (pid: number) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

  async function passes(directory: string, number: number) {
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    a.send(frame(BROADCAST, '02:00:00:00:00:0a', 100, number));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:0a', 100, number));
    for (const { plug } of [a, b]) plug.close();
  }

  async function switchInBackground(...setup: string[]) {
    const home = temporaryDirectory();
    const screen = await shell(...setup);
    const pid = await background(screen, tsvde, '-s', `${home}/ctl`);
    await screen.shows('clients join through'); // the start is complete
    return { home, directory: `${home}/ctl`, screen, pid };
  }

  test('a switch in the background forwards while the terminal is used, and is a console in the foreground', async () => {
    const { directory, screen, pid } = await switchInBackground();
    await give(screen);
    expect(state(pid)).not.toBe('T');
    await passes(directory, 1);
    expect(screen.text).not.toContain('ctl$');
    screen.type('fg\r');
    await screen.shows(/ctl\$$/);
    await screen.enter('port/create 5', /port\/create 5\nctl\$$/);
    screen.type('port/create');
    await screen.shows(/port\/create$/);
    screen.type(CTRL_Z);
    await screen.shows(/Stopped .*\n\$$/);
    await screen.enter('bg', /&\n\$$/);
    await give(screen);
    expect(state(pid)).not.toBe('T');
    await passes(directory, 2);
    screen.type('fg\r');
    await screen.shows(/ctl\$ port\/create$/);
    await screen.enter(' 5', /port 5 exists already \(EEXIST\)\nctl\$$/);
    screen.type(CTRL_D);
    await screen.shows(/EOF on stdin, cleaning up and exiting\n\$$/);
    expect(existsSync(directory)).toBe(false);
  });

  test.each([[''], ['</dev/null --nostdin']])(
    "a switch in the background %s logs to a terminal that stops background writers ('stty tostop')",
    async (redirection) => {
      const screen = await shell('stty tostop');
      const home = temporaryDirectory();
      const pid = await background(screen, tsvde, redirection, '-s', `${home}/ctl`);
      await until(() => accepts(`${home}/ctl/ctl`), 'a switch');
      process.kill(pid, 'SIGHUP');
      await screen.shows('Caught signal 1');
      expect(state(pid)).not.toBe('T');
      await passes(`${home}/ctl`, 1);
    },
  );

  test('a switch in the background outlives its terminal', async () => {
    const { directory, screen, pid, home } = await switchInBackground();
    await give(screen);
    await screen.hangUp();
    process.kill(pid, 'SIGHUP'); // with the shell's own SIGHUP, two log lines that nobody can read
    await passes(directory, 1);
    expect(isRunning(pid)).toBe(true);
    await endPid(pid);
    expect(existsSync(`${home}/ctl`)).toBe(false);
  });

  test('a switch in the background outlives a terminal that goes away while the switch starts', async () => {
    const other = await startTsvde(['--nostdin']);
    other.started.signal('SIGSTOP'); // the start waits for its answer
    const home = temporaryDirectory();
    const screen = await shell();
    const pid = await background(screen, tsvde, '-s', `${home}/ctl`, '--port', `vde,sock=${other.directory}`);
    await until(() => existsSync(`${home}/ctl/ctl`), 'the start');
    await give(screen, 'disown -h');
    await screen.hangUp();
    other.started.signal('SIGCONT');
    await passes(`${home}/ctl`, 1);
    await setTimeout(300); // by now it would have read the end of its input
    expect(isRunning(pid)).toBe(true);
    await endPid(pid);
  });

  test('a switch that shows debug lines outlives its terminal', async () => {
    const { directory, screen, pid } = await switchInBackground();
    screen.type('fg\r');
    await screen.shows(/ctl\$$/);
    await screen.enter('debug/add port', /port\nctl\$$/);
    screen.type(CTRL_Z);
    await screen.shows(/Stopped .*\n\$$/);
    await screen.enter('bg', /&\n\$$/);
    await give(screen);
    await passes(directory, 1);
    await screen.shows(/3031 port\/ep\/\+ Port 01/);
    await screen.hangUp();
    await passes(directory, 2);
    await passes(directory, 3);
    expect(isRunning(pid)).toBe(true);
    await endPid(pid);
    expect(existsSync(directory)).toBe(false);
  });

  test('a switch in the background survives a lack of file descriptors', async () => {
    const { screen, pid } = await switchInBackground();
    const limit = (files: number) => execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${files}:4096`]);
    limit(3);
    await setTimeout(600); // it looks at the terminal four times a second
    expect(isRunning(pid)).toBe(true);
    limit(4096);
    screen.type('fg\r');
    await screen.shows(/ctl\$$/);
  });

  test('a switch in the foreground ends when its terminal goes away', async () => {
    const { directory, screen, pid } = await switchInBackground();
    screen.type('fg\r');
    await screen.shows(/ctl\$$/);
    await screen.hangUp();
    await until(() => !isRunning(pid), 'the end of the switch');
    expect(existsSync(directory)).toBe(false);
  });

  test('a plug in the background carries frames while the terminal is used, and outlives it', async () => {
    const { home, directory } = await startTsvde(['--nostdin']);
    const screen = await shell();
    const pid = await background(screen, tsvde, 'plug', directory, `>${home}/frames`);
    const sender = await Recorder.join(directory);
    const carries = async (number: number) => {
      const bytes = frame(BROADCAST, '02:00:00:00:00:0a', 100, number);
      await until(() => {
        sender.send(bytes);
        return existsSync(`${home}/frames`) && readFileSync(`${home}/frames`).includes(bytes);
      }, 'a frame');
    };
    await carries(1);
    await give(screen);
    expect(state(pid)).not.toBe('T');
    await carries(2);
    await give(screen, 'disown -h'); // so that the shell sends no SIGHUP, which would end the plug
    await screen.hangUp();
    await carries(3);
  });

  test.each([
    ['tsvdectl', tsvdectl, '-M', /ctl\$$/],
    ['tsvdectl with its output in a file', tsvdectl, '-M', undefined],
    ['vdeterm', compat('vdeterm'), '', /\]:$/],
    ['unixterm', compat('unixterm'), '', undefined],
  ])('%s waits in the background and reads in the foreground', async (_, program, option, prompt) => {
    const home = temporaryDirectory();
    await startTsvde(['--nostdin', '-M', `${home}/mgmt`], { cwd: home });
    const screen = await shell(`cd ${home}`);
    const output = prompt ? '' : '>out';
    const pid = await background(screen, program, option, 'mgmt', output);
    await until(() => hasSocket(pid), 'a connection');
    await give(screen);
    expect(state(pid)).not.toBe('T');
    screen.type('fg\r');
    await screen.shows(prompt ?? /fg\n.* mgmt/); // from now on the program reads the keys
    if (!prompt) screen.type('port/create 3\rport/create 3\r');
    if (!prompt) {
      await until(() => /exists/.test(readFileSync(`${home}/out`, 'utf8') + screen.text), 'the replies');
      return;
    }
    await screen.enter('port/create 3', new RegExp(`port/create 3\\n[\\s\\S]*${prompt.source}`));
    screen.type(`port/create`);
    await screen.shows(/port\/create$/);
    screen.type(CTRL_Z);
    await screen.shows(/Stopped .*\n\$$/);
    await screen.enter('bg', /bg\n.*&\n\$/);
    await give(screen);
    expect(state(pid)).not.toBe('T');
    screen.type('fg\r');
    await screen.shows(/ port\/create$/);
    await screen.enter(' 3', /File exists|port 3 exists already/);
    screen.type(CTRL_D);
    await until(() => !isRunning(pid), 'the end of the program');
  });

  test('a reply that arrives while tsvdectl is stopped leaves the prompt of the shell alone', async () => {
    const home = temporaryDirectory();
    const { started } = await startTsvde(['--nostdin', '-M', `${home}/mgmt`], { cwd: home });
    const screen = await shell(`cd ${home}`);
    screen.type(`${tsvdectl} -M mgmt\r`);
    await screen.shows(/ctl\$$/);
    started.signal('SIGSTOP');
    screen.type('port/create 3\rport/create');
    await screen.shows(/ port\/create 3\nport\/create$/);
    screen.type(CTRL_Z);
    await screen.shows(/Stopped .*\n\$$/);
    started.signal('SIGCONT');
    await setTimeout(300); // the reply waits in the socket
    await screen.enter('bg', /bg\n.*&\n(.*\n)*\$/);
    await give(screen);
    expect(screen.text).not.toMatch(/bg\n[\s\S]*ctl\$/);
    screen.type('fg\r');
    await screen.shows(/ctl\$ port\/create$/);
    screen.type(CTRL_D);
  });
});
