// Installations of tsvde that are broken: each program that needs what is broken ends with one sentence that says what
// is wrong and names the remedy; the others work.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';
import { startTsvde } from '../support/tsvde.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { version, dependencies, engines } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
  engines: { node: string };
};
const PACKAGE = `@tsvde/${process.platform}-${process.arch}-gnu`;
const INSTALL =
  `run 'npm install tsvde-${process.platform}-${process.arch}-gnu-${version}.tgz', with --global if tsvde is ` +
  "installed globally, or 'npm run build' in a checkout of tsvde";
const AGAIN = "install tsvde again or, in a checkout, run 'npm run build'";
const BUILD = "in a checkout of tsvde, run 'npm run build' and then 'npm install --global .'";

/** A copy of what npm installs, whose platform's package has `addon` as its addon; without `addon`, no such package. */
function installation({ addon, glibc = '2.34' }: { addon?: Buffer; glibc?: string } = {}) {
  const home = `${temporaryDirectory()}/node_modules`;
  const tsvde = `${home}/tsvde`;
  mkdirSync(tsvde, { recursive: true });
  for (const name of ['bin', 'dist']) cpSync(`${ROOT}${name}`, `${tsvde}/${name}`, { recursive: true });
  for (const name of Object.keys(dependencies)) symlinkSync(`${ROOT}node_modules/${name}`, `${home}/${name}`);
  const published = { name: 'tsvde', version, type: 'module', optionalDependencies: { [PACKAGE]: version } };
  writeFileSync(`${tsvde}/package.json`, JSON.stringify(published));
  if (addon) {
    mkdirSync(`${home}/${PACKAGE}`, { recursive: true });
    writeFileSync(`${home}/${PACKAGE}/package.json`, JSON.stringify({ name: PACKAGE, version, glibc }));
    writeFileSync(`${home}/${PACKAGE}/tsvde.node`, addon);
  }
  return { home, program: (name: string) => `${tsvde}/bin/${name}`, addon: `${home}/${PACKAGE}/tsvde.node` };
}

/** Runs a program of an installation. `before` is JavaScript that Node runs first. */
function runProgram(program: string, args: readonly string[], before = '') {
  const environment = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(before)}` };
  return run(program, args, { env: environment });
}

/** Runs `tsvde` on a directory that does not exist yet, and expects one sentence and exit code 1. */
async function expectRefusal(program: string, sentence: string, before?: string) {
  const directory = `${temporaryDirectory()}/ctl`;
  expect(await runProgram(program, ['--nostdin', '--sock', directory], before)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `tsvde: ${sentence}\n`,
  });
}

const built = () => readFileSync(`${ROOT}native/build/Release/tsvde.node`);
const MUSL = 'process.report.getReport = () => ({ header: {} });';
const RISCV = "Object.defineProperty(process, 'arch', { value: 'riscv64' });";

test('a complete installation serves', async () => {
  const { program } = installation({ addon: built() });
  const script = `(echo port/create 3; echo shutdown) | ${program('tsvde')} --sock ${temporaryDirectory()}/ctl`;
  expect(await run('sh', ['-c', script])).toMatchObject({ code: 0, stdout: expect.stringContaining('1000 Success') });
});

test("without the platform's package, the sentence names it", async () => {
  const { program } = installation();
  const sentence = `the package ${PACKAGE}, which holds tsvde's binaries, is not installed: ${INSTALL}`;
  await expectRefusal(program('tsvde'), sentence);
  const commands = [
    ['tsvde', program('tsvde'), '--daemon'],
    ['tsvde plug', program('tsvde'), 'plug', '/nowhere'],
    ['tsvdeq', program('tsvdeq'), '/bin/true'],
    ['vde_switch', program('compat/vde_switch')],
    ['vdecmd', program('compat/vdecmd'), 'showinfo'],
    ['vdeq', program('compat/vdeq'), '/bin/true'],
  ] as const;
  const ends = commands.map(async ([name, path, ...args]) => {
    const { code, stderr } = await run(path, args);
    return { name, code, stderr };
  });
  expect(await Promise.all(ends)).toEqual(
    commands.map(([name]) => ({ name, code: 1, stderr: `${name}: ${sentence}\n` })),
  );
});

test('without binaries for the processor or for musl, the sentence says how to build them', async () => {
  const { program } = installation();
  await expectRefusal(program('tsvde'), `tsvde has no binaries for linux-riscv64 with glibc: ${BUILD}`, RISCV);
  await expectRefusal(program('tsvde'), `tsvde has no binaries for linux-x64 with musl: ${BUILD}`, MUSL);
});

test('with an addon that cannot be loaded, the sentence names the reason', async () => {
  const { program, addon } = installation({ addon: Buffer.from('not an addon') });
  const refusal = (why: string) => `the addon cannot be loaded: ${addon}: ${why}; to replace it, ${INSTALL}`;
  await expectRefusal(program('tsvde'), refusal('file too short'));
  await expectRefusal(program('tsvde'), `tsvde's binaries need glibc, and this system has musl: ${BUILD}`, MUSL);
});

test('with binaries for a newer glibc, the sentence names both versions', async () => {
  const { program } = installation({ addon: Buffer.alloc(0), glibc: '99.0' });
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime: string } }).header;
  const sentence = `tsvde's binaries need glibc 99.0 or newer, and this system has ${glibcVersionRuntime}: ${BUILD}`;
  await expectRefusal(program('tsvde'), sentence);
});

test('an addon of another version is refused', async () => {
  const bytes = built();
  const at = bytes.indexOf(`\0${version}\0`);
  expect(at).toBeGreaterThan(0);
  bytes.write(version.replace(/\d/g, '9'), at + 1);
  const { program, addon } = installation({ addon: bytes });
  await expectRefusal(
    program('tsvde'),
    `'${addon}' is of version ${version.replace(/\d/g, '9')}, but tsvde is of version ${version}: ${INSTALL}`,
  );
});

test('an old Node is refused by every program, with the version that package.json names', async () => {
  const { program } = installation({ addon: built() });
  const [, needed] = /^>=(\d+\.\d+)$/.exec(engines.node)!;
  const [major, minor] = needed!.split('.').map(Number) as [number, number];
  const set = (text: string) =>
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${text}' } });`;
  const sentence = (text: string) =>
    `tsvde needs Node ${needed} or newer, and this is Node ${text}: install a newer Node, or use tsvde's archive or ` +
    'Debian package, which contain one\n';
  for (const old of ['18.20.8', `${major}.${minor - 1}.9`])
    for (const name of ['tsvde', 'tsvdeq', 'compat/vde_switch'])
      expect(await runProgram(program(name), ['--version'], set(old))).toMatchObject({
        code: 1,
        stderr: sentence(old),
      });
  expect(await runProgram(program('tsvde'), ['--version'], set(`${major}.${minor}.0`))).toMatchObject({ code: 0 });
});

test('--help, --version, tsvdectl and tsvdeq --print work without the addon', async () => {
  const { program } = installation();
  for (const name of ['tsvde', 'tsvdectl', 'tsvdeq'])
    for (const option of ['--help', '--version'])
      expect(await run(program(name), [option])).toMatchObject({ code: 0, stdout: expect.stringContaining('tsvde') });
  expect((await run(program('tsvdeq'), ['--print', '/bin/true', '-net', 'nic', '-net', 'vde'])).code).toBe(0);
  const home = temporaryDirectory();
  await startTsvde(['--nostdin', '-M', `${home}/mgmt`]);
  expect(await run(program('tsvdectl'), ['-M', `${home}/mgmt`, 'port/create', '3'])).toMatchObject({ code: 0 });
  const failed = await run(program('tsvdectl'), ['-M', `${home}/none`, 'ports']);
  expect(failed).toMatchObject({ code: 255, stderr: expect.stringContaining('no such file or directory') });
});

test('a program with a file that is missing or cut short says which', async () => {
  const { home, program } = installation();
  const gone = `${home}/tsvde/dist/bin/tsvdeq.cjs`;
  rmSync(gone);
  expect(await run(program('tsvdeq'), ['--help'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `tsvde cannot be loaded: ENOENT: no such file or directory, open '${gone}': ${AGAIN}\n`,
  });
  const cut = `${home}/tsvde/dist/bin/tsvdectl.cjs`;
  writeFileSync(cut, readFileSync(cut).subarray(0, 10_000));
  const { code, stderr } = await run(program('tsvdectl'), ['--help']);
  expect(stderr).toMatch(
    /^tsvde cannot be loaded: '[^\n']*\/tsvdectl\.cjs': [^\n]+: install tsvde again or, [^\n]+\n$/,
  );
  expect(code).toBe(1);
});

/** The sentence of a program whose file is missing. */
const missing = (path: string) => `tsvde cannot be loaded: ENOENT: no such file or directory, open '${path}': ${AGAIN}`;

test('a file that a program loads late is reported as those of its start, and the switch leaves nothing', async () => {
  const { home, program } = installation({ addon: built() });
  const state = temporaryDirectory();
  const serve = ['--nostdin', '--sock', `${state}/ctl`, '--pidfile', `${state}/pid`, '--mgmt', `${state}/mgmt`];
  const late = [
    ['serve', 'tsvde', ...serve],
    ['serve', 'compat/vde_switch', ...serve],
    ['http', 'tsvde', ...serve, '--web', `${state}/web`],
    ['plug', 'tsvde', 'plug', `${state}/ctl`],
    ['doctor', 'tsvde', 'doctor', 'tun'],
    ['completion', 'tsvde', 'completion', 'bash'],
  ] as const;
  for (const [part, name, ...args] of late) {
    const path = `${home}/tsvde/dist/bin/tsvde-${part}.cjs`;
    const text = readFileSync(path);
    rmSync(path);
    expect(await run(program(name), args), part).toMatchObject({ code: 1, stdout: '', stderr: `${missing(path)}\n` });
    expect(readdirSync(state), part).toEqual([]);
    if (part === 'serve') {
      const stderr = `${name.replace(/.*\//, '')}: ${missing(path)}\n`;
      expect(await run(program(name), ['-d', ...args])).toMatchObject({ code: 1, stdout: '', stderr });
    }
    writeFileSync(path, text);
  }
  const path = `${home}/tsvde/dist/bin/tsvde-http.cjs`;
  rmSync(path);
  mkdirSync(path);
  expect(await run(program('tsvde'), [...serve, '--web', `${state}/web`])).toMatchObject({
    code: 1,
    stderr: `tsvde cannot be loaded: EISDIR: illegal operation on a directory, read '${path}': ${AGAIN}\n`,
  });
  expect(readdirSync(state)).toEqual([]);
});

describeWith(['/usr/bin/python3'], 'an installation without files that only a terminal needs', () => {
  test('says which, and the switch leaves nothing', async () => {
    const { home, program } = installation({ addon: built() });
    const state = temporaryDirectory();
    const serve = ['--sock', `${state}/ctl`, '--pidfile', `${state}/pid`, '--mgmt', `${state}/mgmt`];
    const foreground = `${home}/tsvde/dist/bin/tsvde-foreground.cjs`;
    rmSync(foreground);
    const screen = new Screen(program('tsvde'), serve, {}, 400);
    expect(await screen.exit()).toBe(1);
    expect(screen.text).toBe(missing(foreground));
    expect(readdirSync(state)).toEqual([]);

    const top = `${home}/tsvde/dist/bin/top.mjs`;
    rmSync(top);
    await startTsvde(['--nostdin', '-M', `${state}/mgmt`]);
    const view = new Screen(program('tsvdectl'), ['-M', `${state}/mgmt`, 'top'], {}, 400);
    expect(await view.exit()).toBe(1);
    expect(view.text).toMatch(
      /^tsvde cannot be loaded: Cannot find module '.*\/top\.mjs' .*: install tsvde again or, /,
    );
  });
});

describeWith(['prlimit'], 'a process with as many open files as it may have', () => {
  test('says so, and that the limit is the remedy', async () => {
    const { program, home } = installation();
    const script = `
      const { openSync } = require('node:fs');
      const { launch } = require('${program('launch.js')}');
      try { for (;;) openSync('/dev/null'); } catch {}
      launch('tsvdectl');`;
    expect(await run('prlimit', ['--nofile=64', process.execPath, '-e', script])).toMatchObject({
      code: 1,
      stderr:
        `tsvde cannot be loaded: EMFILE: too many open files, open '${home}/tsvde/dist/bin/tsvdectl.cjs': ` +
        'raise the limit of open files (ulimit -n)\n',
    });
  });
});

describeWith(['root'], 'an installation with a file that only root can read', () => {
  test('says which file of a program it is', async () => {
    const { home, program } = installation({ addon: built() });
    await run('chmod', ['-R', 'a+rX', dirname(home)]);
    chmodSync(`${home}/tsvde/dist/bin/tsvdectl.cjs`, 0o600);
    expect(await run('setpriv', ['--reuid=65534', program('tsvdectl'), '--help'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^tsvde cannot be loaded: EACCES: permission denied, open '.*\/tsvdectl\.cjs': .*\n$/,
      ),
    });
  });

  test('refuses the addon to others with the reason', async () => {
    const { home, program, addon } = installation({ addon: built() });
    await run('chmod', ['-R', 'a+rX', dirname(home)]);
    chmodSync(addon, 0o600);
    const { code, stderr } = await run('setpriv', ['--reuid=65534', program('tsvde'), '--nostdin', '-s', '/tmp/x/y']);
    expect(stderr).toMatch(
      /^tsvde: the addon cannot be loaded: .*tsvde.node: .*Permission denied; to replace it, run /,
    );
    expect(code).toBe(1);
  });
});
