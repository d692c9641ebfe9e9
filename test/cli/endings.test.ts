// How the command ends, what does not end it, and what nobody reads.
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ConsoleClient } from '../support/console.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run, start, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const serving = (directory: string) => until(() => accepts(`${directory}/ctl`), `a switch on ${directory}`);

describe('how it ends', () => {
  test.each([
    ['SIGTERM', { code: 0, signal: null }, /Caught signal 15, cleaning up and exiting/],
    ['SIGINT', { code: null, signal: 'SIGINT' }, /Caught signal 2, cleaning up and exiting/],
    ['EOF', { code: 0, signal: null }, /EOF on stdin, cleaning up and exiting/],
    ['shutdown', { code: 0, signal: null }, /Shutdown from mgmt command/],
  ] as const)('%s', async (how, exit, sentence) => {
    const home = temporaryDirectory();
    const started = start(tsvde, ['-s', `${home}/ctl`, '-p', `${home}/pid`, '-M', `${home}/mgmt`]);
    await until(() => existsSync(`${home}/pid`), 'the pid file');
    const plug = await Recorder.join(`${home}/ctl`);
    const left = new Promise((resolve) => plug.plug.once('close', () => resolve(true)));
    if (how === 'EOF') started.stdin.end();
    else if (how === 'shutdown') started.stdin.write('shutdown\n');
    else started.signal(how);
    expect(await started.exited).toEqual(exit);
    expect(started.stderr()).toMatch(sentence);
    expect(await left).toBe(true);
    expect(readdirSync(home)).toEqual([]);
  });

  test('other signals do not end it', async () => {
    const home = temporaryDirectory();
    const started = start(tsvde, ['-s', `${home}/ctl`]);
    await serving(`${home}/ctl`);
    for (const signal of [
      'SIGHUP',
      'SIGUSR1',
      'SIGUSR2',
      'SIGPIPE',
      'SIGALRM',
      'SIGVTALRM',
      'SIGPROF',
      'SIGIO',
      'SIGPWR',
    ] as const)
      started.signal(signal);
    started.stdin.write('showinfo\n');
    await started.output(/1000 Success/);
    expect(started.stderr()).not.toMatch(/[Dd]ebugger/);
  });

  test('stdin at its end from the start ends it at once; --nostdin leaves stdin alone', async () => {
    const home = temporaryDirectory();
    expect(await run(tsvde, ['-s', `${home}/ctl`])).toMatchObject({
      code: 0,
      stderr: 'tsvde: EOF on stdin, cleaning up and exiting\n',
    });
    const started = start(tsvde, ['-s', `${home}/ctl`, '--nostdin'], { stdin: 'ignore' });
    await serving(`${home}/ctl`);
    expect(started.running).toBe(true);
  });

  test.each(['--help', '-h'])('%s shows every option by subject', async (option) => {
    const { code, stdout } = await run(tsvde, [option]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /Switch:[\s\S]*--hub[\s\S]*Control socket:[\s\S]*--sock[\s\S]*Console:[\s\S]*--mgmt[\s\S]*Metrics:/,
    );
  });

  test.each(['--version', '-v', '-version'])('%s', async (option) => {
    expect(await run(tsvde, [option])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^VDE 2\.3\.3\+tsvde\./),
    });
  });
});

test('what nobody reads stops neither frames nor clients', async () => {
  const home = temporaryDirectory();
  const started = start('sh', ['-c', `exec ${tsvde} -s ${home}/ctl -M ${home}/mgmt 2>&1 | sleep 1000`]);
  await serving(`${home}/ctl`);
  started.stdin.write('help\n'.repeat(2000)); // far more replies than a pipe holds
  const [a, b] = [await Recorder.join(`${home}/ctl`), await Recorder.join(`${home}/ctl`)];
  a.send(frame(BROADCAST, '02:00:00:00:00:01'));
  await b.receives(frame(BROADCAST, '02:00:00:00:00:01'));
  const client = await ConsoleClient.connect(`${home}/mgmt`);
  expect(await client.ask('port/print')).toContain('Port 0002');
  expect(await client.ask('shutdown')).toContain('9999');
});
