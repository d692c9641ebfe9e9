// `tsvdectl top` at a terminal: what it shows, its keys, and the terminal afterwards.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run, type Started, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';
import { startTsvde } from '../support/tsvde.ts';

const driver = fileURLToPath(new URL('../support/terminal_state.py', import.meta.url));
const A = '02:00:00:00:00:0a';

async function lab(): Promise<{ started: Started; directory: string; mgmt: string }> {
  const home = temporaryDirectory();
  const mgmt = `${home}/mgmt`;
  const { started, directory } = await startTsvde(['-M', mgmt, '--name', 'lab'], { cwd: home });
  await run(tsvdectl, ['-M', mgmt, 'port/create', '7']);
  await run(tsvdectl, ['-M', mgmt, 'port/setname', '7', 'spare']);
  return { started, directory, mgmt };
}

describeWith(['/usr/bin/python3'], 'tsvdectl top', () => {
  test.each([50, 100])('shows rates, sorts by keys and opens a port: %i columns', async (columns) => {
    const { directory, mgmt } = await lab();
    const a = await Recorder.join(directory, { description: 'name=web' });
    const sending = setInterval(() => a.send(frame(BROADCAST, A, 1000)), 10);
    atEnd(() => clearInterval(sending));
    const screen = new Screen(tsvdectl, ['-M', mgmt, 'top'], {}, columns);
    await screen.shows(/web .*\d+k/);
    await screen.shows(/lab: 1 of 2 up, \d+ kbit\/s/);
    expect(screen.text.indexOf('web')).toBeLessThan(screen.text.indexOf('spare'));
    screen.type('rr'); // by what is received, the lowest first
    await screen.shows(/spare[\s\S]*web/);
    screen.type('\x1b[B'); // down, to the port web
    screen.type('\r');
    await screen.shows(/Port +1 web/);
    screen.type('\x1b[6~'); // the next page
    await screen.shows(A);
    screen.type('\x1b');
    await screen.shows(/spare[\s\S]*web/);
    screen.type('q');
    expect(await screen.exit()).toBe(0);
  });

  test.each([
    ['q', 'keys:q', 0],
    ['Ctrl-C', 'keys:\\x03', 0],
    ['SIGTERM', 'SIGTERM', -15],
    ['SIGINT', 'SIGINT', -2],
    ['SIGHUP', 'SIGHUP', -1],
    ['SIGQUIT', 'SIGQUIT', -3],
  ])('leaves the terminal as it was after %s', async (_, how, status) => {
    const { mgmt } = await lab();
    const { stdout } = await run('/usr/bin/python3', [driver, how, 'spare', tsvdectl, '-M', mgmt, 'top'], {
      env: { ...process.env, TERM: 'xterm' },
    });
    const { after, ...state } = JSON.parse(stdout);
    expect(state).toEqual({ status, raw: true, restored: true, alternate: false, hidden: false });
  });

  test('leaves the terminal as it was when the switch ends, and says so', async () => {
    const { started, mgmt } = await lab();
    const end = `kill:${started.pid}`;
    const { stdout } = await run('/usr/bin/python3', [driver, end, 'spare', tsvdectl, '-M', mgmt, 'top'], {
      env: { ...process.env, TERM: 'xterm' },
    });
    const { after, ...state } = JSON.parse(stdout);
    expect(state).toEqual({ status: 255, raw: true, restored: true, alternate: false, hidden: false });
    expect(after).toContain('has closed the connection');
  });

  test('leaves the terminal as it was after an exception that nobody caught, which is shown', async () => {
    const { mgmt } = await lab();
    const crash = 'data:text/javascript,setTimeout(() => { throw new Error("crashed") }, 3000)';
    const { stdout } = await run('/usr/bin/python3', [driver, 'crash', 'spare', tsvdectl, '-M', mgmt, 'top'], {
      env: { ...process.env, TERM: 'xterm', NODE_OPTIONS: `--import "${crash.replaceAll('"', '\\"')}"` },
    });
    const state = JSON.parse(stdout);
    expect(state).toMatchObject({ restored: true, alternate: false, hidden: false });
    expect(state.status).toBeGreaterThan(0);
  });
});

test('without a terminal, top says what to use instead', async () => {
  const { mgmt } = await lab();
  const { code, stderr } = await run(tsvdectl, ['-M', mgmt, 'top']);
  expect([code, stderr]).toEqual([255, 'tsvdectl: top needs a terminal: use `tsvdectl --watch ports` elsewhere\n']);
});
