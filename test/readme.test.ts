// README's commands, as they stand and in their order, in namespaces of their own: what a new user types works.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { namespace } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { run } from './support/process.ts';
import { blocks } from './support/readme.ts';
import { temporaryDirectory } from './support/temporary.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
// What takes two hosts is run on two: test/e2e/hosts.test.ts.
const [install, ...session] = blocks('sh', { but: 'Several hosts' });

describeWith(['root', 'tun', 'ip', 'unshare', 'curl', 'dpipe', 'qemu-system-x86_64'], 'README', () => {
  test('the host and two guests, the console and the metrics', async () => {
    const home = temporaryDirectory();
    mkdirSync(`${home}/bin`);
    for (const name of ['tsvde', 'tsvdectl', 'tsvdeq']) symlinkSync(`${root}bin/${name}`, `${home}/bin/${name}`);
    for (const name of ['one', 'two', 'three', 'four', 'five', 'six'])
      writeFileSync(`${home}/${name}.img`, Buffer.alloc(1 << 20));
    // Between its blocks a reader waits for what the last one started: both guests' boot ROMs to have sent something.
    const waits: [after: string, line: string][] = [
      [
        '--hub --tap qtap',
        'until [ "$(curl -s localhost:9109/metrics | grep -c "^tsvde_port_receive_packets_total.* [1-9]")" -ge 2 ]; do sleep 0.1; done',
      ],
      // Both cables to be in, and the second to be shut.
      ['dpipe vde_plug', 'until tsvdectl -M /run/b-mgmt fstp/print | grep -q Alternate; do :; done'],
      [
        // Likewise the stream's guest, the socket's and the group's.
        '--port socket,listen',
        'until [ "$(curl -s localhost:9110/metrics | grep -c "^tsvde_port_receive_packets_total.* [1-9]")" -ge 3 ]; do sleep 0.1; done; kill $(jobs -p | tail -3) $(cat /run/mix.pid)',
      ],
      ['--port user', 'kill $(jobs -p | tail -1) $(cat /run/net.pid)'],
      ['kill $(cat /run/qtap.pid)', 'while [ -e /run/qtap-ctl ]; do sleep 0.1; done; kill %1 %2'],
    ];
    const waitAfter = (block: string) => waits.find(([after]) => block.includes(after))?.[1] ?? '';
    const script = [
      'set -e',
      'mount -t tmpfs tmpfs /run',
      ...session.flatMap((block) => [block, waitAfter(block)]),
    ].join('\n');
    writeFileSync(`${home}/script`, script);
    const space = namespace();
    const shell = space.start(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', `${home}/script`],
      {
        cwd: home,
        stdin: 'ignore',
        env: { ...process.env, PATH: `${home}/bin:${process.env.PATH}` },
      },
    );
    const exit = await shell.exited;
    expect(exit, shell.stdout() + shell.stderr()).toEqual({ code: 0, signal: null });
    expect(shell.stdout()).toMatch(/Port 0001 .* ACTIVE[\s\S]*tuntap +: qtap/);
    expect(shell.stdout()).toMatch(/Port 0003 .* ACTIVE[\s\S]*unix prog +: tsvdeq user=root/);
    expect(shell.stdout()).toMatch(/port\/print +\[N\] +show the active ports/);
    expect(shell.stdout()).toMatch(/^\{"code":1000,.*"description":"qtap"/m);
    expect(shell.stdout()).toContain(
      'VLAN 0010\n -- Port 0001 tagged=1 active=0 status=Learning\n -- Port 0003 tagged=0',
    );
    // Which cable is first at which end is a matter of chance.
    const roles = [
      ...shell.stdout().matchAll(/ -- Port 000[12] tagged=0 portcost=\d+ role=(Root|Alternate\/Backup)$/gm),
    ];
    expect(roles.map(([, role]) => role).sort()).toEqual(['Alternate/Backup', 'Root']);
    expect(shell.stdout()).toMatch(/TCP\[HOST_FORWARD\] .* 2222 +10\.0\.2\.15 +22 /);
    expect(shell.stdout()).toMatch(/tsvde_port_receive_packets_total\{port="2"\} [1-9]/);
  }, 60_000);

  test('the library', async () => {
    const home = temporaryDirectory();
    mkdirSync(`${home}/node_modules`);
    symlinkSync(root, `${home}/node_modules/tsvde`);
    const [example] = blocks('js');
    writeFileSync(`${home}/example.mjs`, example!.replaceAll('/tmp/example.ctl', `${home}/ctl`));
    expect(await run(process.execPath, [`${home}/example.mjs`])).toMatchObject({
      code: 0,
      stdout: '60 bytes\n',
      stderr: '',
    });
  });

  test('installing from a fresh clone', async () => {
    const home = temporaryDirectory();
    chmodSync(home, 0o755);
    execFileSync('git', ['clone', '--quiet', root, `${home}/tsvde`]);
    const env = { ...process.env, npm_config_prefix: `${home}/prefix`, npm_config_prefer_offline: 'true' };
    const installed = await run('bash', ['-e', '-c', install!], { cwd: `${home}/tsvde`, env });
    expect(installed.code, installed.stdout + installed.stderr).toBe(0);
    const { stdout } = await run(`${home}/prefix/bin/tsvde`, ['--version']);
    expect(stdout).toMatch(/^VDE 2\.3\.3\+tsvde\.\d/);
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: `${home}/tsvde`, encoding: 'utf8' })).toBe('');
  }, 480_000);
});
