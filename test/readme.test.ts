// README's commands, unchanged and in order, in namespaces of their own: what a new user types works, and every example
// stops what it started.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { formatStreamFrame } from '../src/protocol/plug-stream.ts';
import { ipFrame } from './support/ip-frame.ts';
import { namespace } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { run } from './support/process.ts';
import { blocks, phrases } from './support/readme.ts';
import { temporaryDirectory } from './support/temporary.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
// The examples for two hosts run on two hosts: test/e2e/hosts.test.ts. The one for systemd: test/contrib.test.ts.
const [install, ...session] = blocks('sh', { but: ['User mode', 'Several hosts', 'systemd'] });

/** A directory that README's commands run in: our programs on its PATH, blank disks, a private /run. */
function workplace({ programs = root }: { programs?: string } = {}) {
  const home = temporaryDirectory();
  mkdirSync(`${home}/bin`);
  for (const name of ['tsvde', 'tsvdectl', 'tsvdeq']) symlinkSync(`${programs}bin/${name}`, `${home}/bin/${name}`);
  for (const name of ['one', 'two', 'three', 'four', 'five', 'six'])
    writeFileSync(`${home}/${name}.img`, Buffer.alloc(1 << 20));
  return {
    home,
    /** Runs a script in mount, pid and network namespaces of its own. Returns its standard output. */
    async run(lines: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
      writeFileSync(`${home}/script`, ['set -e', 'mount -t tmpfs tmpfs /run', ...lines].join('\n'));
      const shell = namespace().start(
        'unshare',
        ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', `${home}/script`],
        { cwd: home, stdin: 'ignore', env: { ...process.env, ...env, PATH: `${home}/bin:${process.env.PATH}` } },
      );
      const exit = await shell.exited;
      expect(exit, shell.stdout() + shell.stderr()).toEqual({ code: 0, signal: null });
      return shell.stdout();
    },
  };
}

/** Gives all programs 10 s to end; names those that are left, and the files that are left in a directory. */
const leftovers = (directory: string) => [
  'ours="^(tsvde|qemu|dpipe|vde_plug|ssh)"',
  'for i in {1..100}; do pgrep "$ours" > /dev/null || break; sleep 0.1; done',
  'echo LEFT:',
  'pgrep --list-full "$ours" || true',
  `find ${directory} -mindepth 1`,
];

/** Waits until the switch has received a frame from at least `ports` ports. */
const receivedOn = (metricsPort: number, ports: number) =>
  `until [ "$(curl -s localhost:${metricsPort}/metrics | grep -c "^tsvde_port_receive_packets_total.* [1-9]")" -ge ${ports} ]; do sleep 0.1; done`;

describeWith(
  ['root', 'tun', 'ip', 'unshare', 'curl', 'dpipe', 'qemu-system-x86_64', 'setpriv', 'pgrep'],
  'README',
  () => {
    test('the host and two guests, the console and the metrics', async () => {
      // Between two blocks a reader waits for what the first of them started.
      const waits: [after: string, line: string][] = [
        // Both guests' boot ROMs have sent something.
        ['--hub --tap qtap', receivedOn(9109, 2)],
        ['kill $(cat /run/one.pid', 'while [ -e /run/qtap-ctl ]; do sleep 0.1; done'],
        // The guests of the stream, the socket and the multicast group have sent something, too.
        ['--port socket,listen', receivedOn(9110, 3)],
        // Both cables are connected, and the second is blocked.
        ['dpipe vde_plug', 'until tsvdectl -M /run/b-mgmt fstp/print | grep -q Alternate; do :; done'],
      ];
      const waitAfter = (block: string) => waits.find(([after]) => block.includes(after))?.[1] ?? '';
      const output = await workplace().run([
        ...session.flatMap((block) => [block, waitAfter(block)]),
        ...leftovers('/run'),
      ]);
      expect(output).toMatch(/Port 0001 .* ACTIVE[\s\S]*tuntap +: qtap/);
      expect(output).toMatch(/Port 0003 .* ACTIVE[\s\S]*unix prog +: tsvdeq name=(one|two) user=root/);
      expect(output).toMatch(/^ {3}1 {2}host {2}up .* tap qtap$/m);
      expect(output).toMatch(/^ {3}3 {2}(one|two) {3}up .* vde tsvdeq user=root pid=\d+$/m);
      expect(output).toMatch(/^Port +1 host\nState +up$/m);
      expect(output).toMatch(/port\/print +\[N\] +show the active ports/);
      expect(output).toMatch(/^\{"code":1000,.*"description":"qtap"/m);
      expect(output).toContain('VLAN 0010\n -- Port 0001 tagged=1 active=0 status=Learning\n -- Port 0003 tagged=0');
      // Which cable is first at which end is a matter of chance.
      const roles = [...output.matchAll(/ -- Port 000[12] tagged=0 portcost=\d+ role=(Root|Alternate\/Backup)$/gm)];
      expect(roles.map(([, role]) => role).sort()).toEqual(['Alternate/Backup', 'Root']);
      expect(output).toMatch(/tsvde_port_receive_packets_total\{port="2",switch="qtap-ctl"\} [1-9]/);
      expect(output).toMatch(/^LEFT:\n$/m);
    }, 60_000);

    test('a user-mode network, by a user without root', async () => {
      const { home, run } = workplace({ programs: '/run/tsvde/' });
      const NOBODY = 65534;
      mkdirSync(`${home}/runtime`, { mode: 0o700 });
      for (const path of [home, `${home}/runtime`, `${home}/six.img`]) chownSync(path, NOBODY, NOBODY);
      const [start, stop] = blocks('sh', { of: 'User mode' }) as [string, string];
      // QEMU writes its pid file before it handles SIGTERM, which then leaves the file.
      const handlesSigterm = "grep -qE '^SigCgt:.*[4-7c-f][0-9a-f]{3}$' /proc/$(cat $run/six.pid)/status";
      const waits = ['[ -s $run/six.pid ]', handlesSigterm].map((holds) => `until ${holds}; do sleep 0.1; done`);
      writeFileSync(`${home}/examples`, [start, ...waits, stop].join('\n'));
      const output = await run(
        [
          `PATH=${home}/bin:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
          // Other users may not be able to enter the directory of the checkout.
          `mkdir /run/tsvde; mount --bind ${root} /run/tsvde`,
          `setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups bash -e ${home}/examples`,
          ...leftovers(`${home}/runtime`),
        ],
        { XDG_RUNTIME_DIR: `${home}/runtime` },
      );
      expect(output).toMatch(/TCP\[HOST_FORWARD\] .* 2222 +10\.0\.2\.15 +22 /);
      expect(output).toMatch(/TCP\[HOST_FORWARD\] .* 8080 +10\.0\.2\.15 +80 /);
      expect(output).toMatch(/^LEFT:\n$/m);
    }, 60_000);

    test('the examples for several hosts are undone', async () => {
      const { home, run } = workplace();
      const all = blocks('sh', { of: 'Several hosts' });
      const [overVxlan, overWireGuard, stop] = [all[0]!, all[1]!, all.at(-1)!];
      const [makeInterface] = overWireGuard.split('\n');
      const [startSsh] = all.at(-2)!.split('\n');
      expect(startSsh).toMatch(/^ssh .* &$/);
      writeFileSync(`${home}/bin/ssh`, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
      const output = await run([
        overVxlan,
        // Any interface of that name will do where the kernel has no WireGuard.
        `${makeInterface} || ip link add wg0 type bridge`,
        startSsh!,
        stop,
        ...leftovers('/run'),
        'jobs -r',
        'ip -brief link | grep -v ^lo || true',
      ]);
      expect(output).toBe('LEFT:\n');
    }, 30_000);

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
  },
);

describeWith(['root', 'ip', 'unshare', 'tshark', 'tcpdump'], "README's captures", () => {
  test('are read by Wireshark and tcpdump while the switch runs, also from another host', async () => {
    const [toWireshark, overSsh, ...others] = phrases(/capture .*\|/);
    expect(others).toEqual([]);
    const { home, run } = workplace();
    // Like ssh, this passes the words to a shell.
    writeFileSync(`${home}/bin/ssh`, '#!/bin/sh\nshift\nexec sh -c "$*"\n', { mode: 0o755 });
    const http = ipFrame('10.9.0.1', { length: 46 });
    http[23] = 6; // TCP
    http.set([10, 9, 0, 2], 30);
    http.set([0x9c, 0x40, 0, 80], 34); // from port 40000 to port 80
    http[46] = 0x50; // a header of 20 bytes
    const other = ipFrame('10.9.0.3', { length: 46 });
    writeFileSync(`${home}/frames`, Buffer.concat([other, http].map(formatStreamFrame)));
    const fields = ['frame.interface_name', 'frame.packet_flags_direction', 'ip.src'].flatMap((name) => ['-e', name]);
    const output = await run([
      'tsvde --nostdin --sock /run/lab --mgmt /run/mgmt & switch=$!',
      'until tsvdectl showinfo > /run/info 2>&1; do sleep 0.1; done',
      `(${toWireshark!.replace('wireshark -k', `tshark -l -c 2 -T fields ${fields.join(' ')}`)}) > /run/wireshark & one=$!`,
      `(${overSsh!.replace('tcpdump', 'tcpdump -c 1')}) > /run/tcpdump & two=$!`,
      'until [ "$(tsvdectl capture/print | grep -c live-)" = 2 ]; do sleep 0.1; done',
      // tsvdectl notices the end of its reader when it writes the next frame.
      `while [ -e /run/mgmt ]; do tsvde plug '/run/lab[3]' < ${home}/frames > /run/received; done & plugs=$!`,
      'wait $one; wait $two; kill $switch; wait $switch; wait $plugs || true',
      'cat /run/wireshark /run/tcpdump',
    ]);
    expect(output).toMatch(/^port 3\t0x00000001\t10\.9\.0\.3\nport 3\t0x00000001\t10\.9\.0\.1\n/);
    expect(output).toMatch(/\n\d\d:\S+ IP 10\.9\.0\.1\.40000 > 10\.9\.0\.2\.80: Flags/);
    expect(output.match(/10\.9\.0\.3/g)).toHaveLength(1);
  }, 60_000);
});
