// A switch in the foreground from its start to its end: signals, the end of stdin, exit codes, rc files, and readers that
// do not read.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run, start, tsvde } from '../support/process.ts';
import { RawClient } from '../support/raw-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

describe('ends', () => {
  test.each([
    ['SIGTERM', { code: 0, signal: null }, 'Caught signal 15, cleaning up and exiting'],
    ['SIGINT', { code: null, signal: 'SIGINT' }, 'Caught signal 2, cleaning up and exiting'],
  ] as const)('%s', async (signal, exit, said) => {
    const { process, directory } = await startTsvde();
    const { plug } = await Recorder.join(directory);
    const end = new Promise((resolve) => plug.once('close', resolve));
    process.signal(signal);
    expect(await process.exited).toEqual(exit);
    expect(process.stderr()).toBe(`tsvde: ${said}\n`);
    expect(existsSync(directory)).toBe(false);
    await end;
  });

  test('the end of stdin, after every command before it is answered', async () => {
    const { process, directory } = await startTsvde();
    process.stdin.end('port/create 5\nport/create 5\nport/create 6');
    expect(await process.exited).toEqual({ code: 0, signal: null });
    expect(process.stdout().match(/^1\d{3} .*$/gm)).toEqual(['1000 Success', '1017 File exists', '1000 Success']);
    expect(process.stderr()).toBe('tsvde: EOF on stdin, cleaning up and exiting\n');
    expect(existsSync(directory)).toBe(false);
  });

  test('a stdin that is at its end, closed or no stream at all', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    for (const redirection of ['</dev/null', '<&-', '</']) {
      const ended = await run('sh', ['-c', `exec "$1" -s "$2" ${redirection}`, 'sh', tsvde, directory]);
      expect(ended, redirection).toMatchObject({ code: 0, stderr: 'tsvde: EOF on stdin, cleaning up and exiting\n' });
      expect(existsSync(directory)).toBe(false);
    }
  });

  test('shutdown on its console', async () => {
    const { process, directory } = await startTsvde();
    process.stdin.write('shutdown\n');
    expect(await process.exited).toEqual({ code: 0, signal: null });
    expect(process.stdout()).toBe('9999 END OF SESSION');
    expect(process.stderr()).toBe('tsvde: Shutdown from mgmt command\n');
    expect(existsSync(directory)).toBe(false);
  });

  test.each([
    [['--version'], /^VDE 2\.3\.3\+tsvde\.\S+\ntsvde \S+, MIT licence\n$/],
    [['-v'], /^VDE 2\.3\.3/],
    [['-h'], /^Usage: tsvde \[options\]\n[\s\S]*Control socket:[\s\S]*--vdesock/],
    [['-help', '-d'], /^Usage: tsvde/],
  ])('%j: what was asked for, and code 0', async (args, expected) => {
    expect(await run(tsvde, args)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(expected) });
  });
});

describe('lives on', () => {
  test('signals that vde_switch outlives', async () => {
    const { process } = await startTsvde();
    for (const signal of [
      ...(['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGPIPE', 'SIGIO', 'SIGPROF'] as const),
      ...(['SIGVTALRM', 'SIGPWR', 'SIGSTKFLT'] as const),
    ])
      process.signal(signal);
    process.stdin.write('showinfo\n');
    await process.output(/1000 Success/);
    await process.output(/Caught signal 1:/);
    expect(process.stderr(), 'no debugger, no complaint').toMatch(/^tsvde: Caught signal 1: .*\n$/);
  });

  test('the end of stdin with --nostdin, and nobody on stdout or stderr', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const closed = ['-c', 'exec "$1" --nostdin -s "$2" </dev/null >&- 2>&-', 'sh', tsvde, directory];
    const started = start('sh', closed);
    await until(() => existsSync(`${directory}/ctl`), 'ctl');
    const refused = await RawClient.connect(directory);
    refused.stream.write('what is to be logged, and cannot be');
    await refused.closed;
    await Recorder.join(directory);
    started.signal('SIGTERM');
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  test('a stdout and a stderr that are full: clients join, frames move, and it ends', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const child = spawn(tsvde, ['-s', directory], { stdio: 'pipe' });
    atEnd(() => child.kill('SIGKILL'));
    const exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    await until(() => existsSync(`${directory}/ctl`), 'ctl');
    child.stdin.on('error', () => {});
    child.stdin.write('help\n'.repeat(2000));
    for (let i = 0; i < 1500; i++) {
      const client = await RawClient.connect(directory);
      client.stream.write('of no known magic');
      await client.closed;
    }
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    a.send(frame(BROADCAST, '02:00:00:00:00:0a', 100, 1));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:0a', 100, 1));
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('rc file', () => {
  test('runs at the start; what fails is logged and does not stop it', async () => {
    const rc = `${temporaryDirectory()}/rc`;
    writeFileSync(rc, '# a comment\n\nport/create 7\nport/create 7\nbogus\nshutdown\nport/sethub 1\n');
    const { process } = await startTsvde(['-f', rc]);
    process.stdin.write('port/allprint\nport/showinfo\n');
    await process.output(/HUB=true/);
    expect(process.stdout()).toContain('Port 0007 ');
    expect(process.stdout()).toMatch(/^0000 DATA/);
    expect(process.stderr().split('\n')).toEqual([
      `tsvde: ${rc}:4: 'port/create 7': 1017 File exists`,
      `tsvde: ${rc}:5: 'bogus': 1038 Function not implemented`,
      'tsvde: Shutdown from mgmt command',
      '',
    ]);
  });

  test('is ~/.vde2/vde_switch.rc where none is named', async () => {
    const home = temporaryDirectory();
    mkdirSync(`${home}/.vde2`);
    writeFileSync(`${home}/.vde2/vde_switch.rc`, 'port/create 9\n');
    const { process } = await startTsvde([], { env: { ...globalThis.process.env, HOME: home } });
    process.stdin.write('port/allprint\n');
    await process.output(/Port 0009 /);
  });
});
