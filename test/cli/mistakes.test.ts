// Mistakes that people make at the command line, each answered at once and with a sentence.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { compat, endPid, run, tsvde, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';

describe('the control socket in place of the management socket', () => {
  const CLIENTS = [
    ['tsvdectl', (path: string) => run(tsvdectl, ['--timeout', '1000', '-M', path, 'showinfo'])],
    ['vdecmd', (path: string) => run(compat('vdecmd'), ['-s', path, 'showinfo'])],
    ['vdeterm', (path: string) => run(compat('vdeterm'), [path])],
  ] as const;

  test.each(CLIENTS)('%s recognises the control socket', async (name, ask) => {
    const { directory } = await startTsvde();
    expect(await ask(`${directory}/ctl`)).toMatchObject({
      code: 255,
      stderr: `${name}: '${directory}/ctl' is the control socket of a switch, where clients join: name its management socket (--mgmt)\n`,
    });
  });

  describeWith(['vde_switch'], "that of Debian's vde_switch", () => {
    test('tsvdectl recognises the control socket', async () => {
      const directory = `${temporaryDirectory()}/ctl`;
      await startVdeSwitch(directory, []);
      expect((await CLIENTS[0][1](`${directory}/ctl`)).stderr).toContain('is the control socket of a switch');
    });
  });

  test('a management socket named ctl is a console', async () => {
    const path = `${temporaryDirectory()}/ctl`;
    await startTsvde(['-M', path]);
    expect(await run(tsvdectl, ['-M', path, 'port/showinfo'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe.each([['in the foreground'], ['with -d']])('a start %s', (how) => {
  /** Starts a switch and ends it; returns what was said on stderr before the switch was usable. */
  async function start(directory: string, ...args: string[]): Promise<string> {
    const home = temporaryDirectory();
    if (how !== 'with -d') {
      const ended = run(tsvde, ['-s', directory, ...args]); // stdin is empty
      return (await ended).stderr.replace('tsvde: EOF on stdin, cleaning up and exiting\n', '');
    }
    const { stderr, code } = await run(tsvde, ['-d', '-s', directory, '-p', `${home}/pid`, ...args]);
    expect(code).toBe(0);
    const pid = Number(readFileSync(`${home}/pid`, 'utf8'));
    atEnd(() => endPid(pid, 'SIGKILL'));
    await endPid(pid);
    return stderr;
  }

  test('in a directory that holds other things says so, and leaves it as it is', async () => {
    const directory = temporaryDirectory();
    mkdirSync(`${directory}/other`);
    const { mode } = statSync(directory);
    expect(await start(directory, '-m', '666')).toBe(
      `tsvde: '${directory}' holds other files: its permissions and group are left as they are\n`,
    );
    expect(statSync(directory).mode).toBe(mode);
  });

  test('in an empty directory, or one that a killed switch left, says nothing', async () => {
    const directory = temporaryDirectory();
    writeFileSync(`${directory}/001.5`, '');
    expect(await start(directory)).toBe('');
  });

  test('with --hub and --fstp says that --hub holds', async () => {
    expect(await start(`${temporaryDirectory()}/ctl`, '--hub', '--fstp')).toBe(
      'tsvde: --hub holds and --fstp does not: a hub has no spanning tree\n',
    );
  });
});
