// Files for distributions: systemd accepts the units, and their command lines start a switch.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { namespace } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { run, tsvde } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { accepts } from './support/vde-switch.ts';
import { until } from './support/wait.ts';

const contrib = fileURLToPath(new URL('../contrib/', import.meta.url));
const units = readdirSync(`${contrib}systemd`);

/** Writes a unit with the path of this checkout's program; a template becomes its instance `vt0`. */
function unitAt(home: string, name: string): { path: string; text: string } {
  const text = readFileSync(`${contrib}systemd/${name}`, 'utf8').replaceAll('/usr/local/bin/tsvde', tsvde);
  const path = `${home}/${name.replace('@', '@vt0')}`;
  writeFileSync(path, text);
  return { path, text };
}

describeWith(['systemd-analyze', 'systemd-sysusers'], 'files for systemd', () => {
  test.each(units)('systemd accepts %s', async (name) => {
    const home = temporaryDirectory();
    for (const unit of units) writeFileSync(`${home}/${unit}`, unitAt(home, unit).text);
    expect(await run('systemd-analyze', ['verify', '--man=no', unitAt(home, name).path])).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  test('systemd-sysusers accepts the group', async () => {
    const result = await run('systemd-sysusers', ['--dry-run', `${contrib}sysusers.d/tsvde.conf`]);
    expect(result.code, result.stderr).toBe(0);
  });
});

describeWith(['root', 'tun', 'ip'], 'command lines of units', () => {
  test.each(units)('the command line of %s starts a switch', async (name) => {
    const home = temporaryDirectory();
    const { text } = unitAt(home, name);
    const instance = text
      .replaceAll('%i', 'vt0')
      .replaceAll('$$', '$')
      .replaceAll('/run/', `${home}/run/`)
      .replaceAll('/etc/tsvde/', `${home}/`)
      .replaceAll(/(group) tsvde/g, '$1 users')
      .replaceAll(' 9109', ' 0');
    writeFileSync(`${home}/vt0.rc`, 'port/create 7\n');
    const [, line] = /^ExecStart=(.*)$/m.exec(instance)!;
    const [, directory] = /--sock (\S+)/.exec(line!)!;
    mkdirSync(directory!.replace(/\/[^/]*$/, ''), { recursive: true });
    const started = namespace().start('sh', ['-c', `exec ${line}`]);
    await until(
      () => accepts(`${directory}/ctl`),
      () => `a switch: ${started.stderr()}`,
    );
    expect(started.running).toBe(true);
    await started.stop();
  });
});
