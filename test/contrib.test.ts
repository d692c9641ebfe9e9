// Files for distributions: systemd accepts the units, and their command lines start a switch.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { namespace } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { run, tsvde } from './support/process.ts';
import { blocks } from './support/readme.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { printed, testUnit, UNITS } from './support/units.ts';
import { accepts } from './support/vde-switch.ts';
import { until } from './support/wait.ts';

const contrib = fileURLToPath(new URL('../contrib/', import.meta.url));

/** Makes a copy of an installation below `parent`, with bin/ and contrib/, to which a unit's paths refer. */
function installationBelow(parent: string): string {
  const home = `${temporaryDirectory()}/${parent}`;
  mkdirSync(home, { recursive: true });
  for (const name of ['bin', 'contrib', 'dist', 'package.json'])
    cpSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), `${home}/${name}`, { recursive: true });
  symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), `${home}/node_modules`);
  return `${home}/bin/tsvde`;
}

describeWith(['systemd-analyze', 'systemd-sysusers'], 'files for systemd', () => {
  test.each(UNITS)(
    'systemd accepts the unit that is printed for %s, also in a path with odd characters',
    async (name) => {
      for (const program of [tsvde, installationBelow('100% "our" $HOME')]) {
        const home = temporaryDirectory();
        const unit = `${home}/${name.replace('@', '@vt0')}.service`;
        writeFileSync(unit, (await run(program, ['--print-unit', name])).stdout);
        writeFileSync(`${home}/${name}.service`, readFileSync(unit)); // the template, or the same file again
        expect(await run('systemd-analyze', ['verify', '--man=no', unit])).toMatchObject({ code: 0, stderr: '' });
      }
    },
  );

  test('systemd-sysusers accepts the group', async () => {
    const result = await run('systemd-sysusers', ['--dry-run', `${contrib}sysusers.d/tsvde.conf`]);
    expect(result.code, result.stderr).toBe(0);
  });
});

test('--print-unit names the units that exist, and prints the first without a name', async () => {
  expect((await run(tsvde, ['--print-unit'])).stdout).toBe(await printed('tsvde.service'));
  expect(await run(tsvde, ['--print-unit', 'other'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: "tsvde: there is no unit 'other': there are tsvde and tsvde@\n",
  });
});

describeWith(['root', 'unshare', 'systemd-analyze', 'groupadd'], "README's lines for systemd", () => {
  test('make the group and units that systemd accepts, and enable them', async () => {
    const home = temporaryDirectory();
    const [lines] = blocks('sh', { of: 'systemd' });
    mkdirSync(`${home}/bin`);
    symlinkSync(tsvde, `${home}/bin/tsvde`);
    writeFileSync(`${home}/bin/systemctl`, '#!/bin/sh\necho systemctl "$@"\n', { mode: 0o755 });
    const script = [
      `cp -a /etc ${home}/etc && mount --bind ${home}/etc /etc`,
      `PATH=${home}/bin:$PATH`,
      lines,
      'getent group tsvde | cut -d: -f1',
      'systemd-analyze verify --man=no tsvde.service tsvde@qtap.service',
    ];
    expect(await run('unshare', ['--mount', 'sh', '-e', '-c', script.join('\n')])).toMatchObject({
      code: 0,
      stdout: 'systemctl enable --now tsvde tsvde@qtap\ntsvde\n',
      stderr: '',
    });
  });
});

describeWith(['root', 'tun', 'ip'], 'command lines of units', () => {
  test.each(UNITS)('the command line of %s starts a switch', async (name) => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/vt0.rc`, 'port/create 7\n');
    const { command, directory } = await testUnit(name, home);
    const started = namespace().start('sh', ['-c', `exec ${command}`]);
    await until(
      () => accepts(`${directory}/ctl`),
      () => `a switch: ${started.stderr()}`,
    );
    expect(started.running).toBe(true);
    await started.stop();
  });
});
