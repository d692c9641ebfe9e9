// The names that tsvdeq is called by, and how it finds QEMU.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findProgram } from '../../src/qemu/programs.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { compat, run, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * A program that prints its name, its arguments, and every environment variable whose name contains TSVDEQ. The
 * environment must contain no such variable.
 */
const SHOWS = '#!/bin/sh\n[ "$*" = "-netdev help" ] && exit\necho "<$0 $*>"\nenv | grep TSVDEQ\n';

function programs(...names: string[]) {
  const home = temporaryDirectory();
  for (const name of names) writeFileSync(`${home}/${name}`, SHOWS, { mode: 0o755 });
  return { home, env: { ...process.env, PATH: `${home}:${process.env.PATH}` } };
}

describe('the names of vde2', () => {
  test.each([
    ['vdeqemu', 'qemu'],
    ['vdekvm', 'kvm'],
  ])('%s runs %s on a switch, and its options come first', async (name, program) => {
    const { home, env } = programs('qemu', 'kvm');
    const { directory } = await network();
    const mac = 'macaddr=52:54:00:00:00:01';
    const args = ['-sock', directory, '-m', '5', '-net', `nic,${mac}`];
    const { stdout, stderr, code } = await run(compat(name), args, { env });
    expect({ stderr, code }).toEqual({ stderr: '', code: 1 }); // grep's exit code: it finds nothing
    expect(stdout).toMatch(new RegExp(`^<${home}/${program} -m 5 -netdev \\S+ -net nic,netdev=vlan0-vde,${mac}>\\n$`));
  });

  test('a link runs the QEMU that it is named after', async () => {
    const { home, env } = programs('qemu-system-mips');
    symlinkSync(compat('vdeqemu'), `${home}/vdeqemu-system-mips`);
    const { stdout } = await run(`${home}/vdeqemu-system-mips`, ['-net', 'none'], { env });
    expect(stdout).toBe(`<${home}/qemu-system-mips -net none>\n`);
  });

  test('errors begin with the name of the program, and name the QEMU that is missing', async () => {
    const { env } = programs('qemu-system-mips');
    const { stderr, code } = await run(compat('vdeqemu'), ['-m', '5'], { env: { ...env, PATH: pathOf(env) } });
    expect(stderr).toMatch(/^vdeqemu: there is no program 'qemu' on the PATH; there is .*qemu-system-mips/);
    expect(code).toBe(127);
  });

  test('vdeq warns about an unknown setting or option and goes on, and tsvdeq does not', async () => {
    const { directory } = await network();
    const { home, env } = programs('qemu');
    const args = ['qemu', '-net', 'nic,macaddr=52:54:00:00:00:01', '-net', `vde,foo=bar,sock=${directory}`];
    const tolerant = await run(compat('vdeq'), ['--frob', ...args], { env });
    expect(tolerant.stderr).toBe(
      "vdeq: unknown option '--frob'; --help lists the options; it is ignored\n" +
        "vdeq: -net vde has no setting 'foo': it knows vlan, sock, port, group, mode, id, name; it is ignored\n",
    );
    expect(tolerant.stdout).toMatch(new RegExp(`^<${home}/qemu -netdev \\S+ -net nic,netdev=vlan0-vde,`));
    const strict = await run(tsvdeq, args, { env });
    expect(strict).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^tsvdeq: -net vde has no/) });
  });
});

/** A PATH with Node, and with no QEMU except those in the first directory of the PATH of `env`. */
function pathOf(env: NodeJS.ProcessEnv): string {
  const home = env.PATH!.split(delimiter)[0]!;
  for (const name of ['node', 'dirname', 'readlink']) {
    const target = name === 'node' ? process.execPath : `/usr/bin/${name}`;
    symlinkSync(target, `${home}/${name}`);
  }
  symlinkSync('/bin/sh', `${home}/sh`);
  return home;
}

describe('finding QEMU', () => {
  test.each(['qemu', 'kvm', 'qemu-kvm', 'qemu-system-vax'])('where there is no %s, the QEMUs are listed', (name) => {
    const { home } = programs('qemu-system-x86_64', 'qemu-system-arm', 'qemu-img', 'qemu-system-arm.old');
    writeFileSync(`${home}/qemu-system-ppc`, ''); // not executable
    mkdirSync(`${home}/qemu-system-sparc`);
    expect(() => findProgram(name, `${home}:${home}:/nowhere`)).toThrow(
      `there is no program '${name}' on the PATH; there is qemu-system-arm, qemu-system-x86_64`,
    );
  });

  test('where there is no QEMU at all, the error says so', () => {
    expect(() => findProgram('qemu', temporaryDirectory())).toThrow(
      "there is no program 'qemu' on the PATH, and no other QEMU",
    );
    expect(() => findProgram('bochs', temporaryDirectory())).toThrow(/^there is no program 'bochs' on the PATH$/);
  });

  test('directories of the PATH that cannot be entered are passed over', () => {
    const { home } = programs('qemu');
    symlinkSync('loop', `${home}/loop`);
    writeFileSync(`${home}/file`, '');
    const broken = [`${home}/loop`, `${home}/file`, `${home}/${'x'.repeat(300)}`, '/nowhere'];
    expect(findProgram('qemu', [...broken, home].join(':'))).toBe(`${home}/qemu`);
    for (const name of ['kvm', `${home}/loop/qemu`, `${home}/file/qemu`])
      expect(() => findProgram(name, broken.join(':'))).toThrow(`there is no program '${name}'`);
  });
});

describeWith(['root', 'setpriv'], 'finding QEMU as a user', () => {
  test('a directory of the PATH that only root may enter is passed over', async () => {
    const { home, env } = programs('qemu');
    const closed = temporaryDirectory();
    chmodSync(closed, 0o700);
    chmodSync(home, 0o755);
    const script = `import('${new URL('../../dist/qemu/programs.js', import.meta.url)}')
      .then(({ findProgram }) => console.log(findProgram('qemu')))`;
    const args = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, '-e', script];
    const found = await run('setpriv', args, { env: { ...env, PATH: `${closed}:${env.PATH}` } });
    expect(found).toMatchObject({ code: 0, stdout: `${home}/qemu\n`, stderr: '' });
  });
});
