// README's examples for several hosts, run on two hosts: namespaces with a cable between them.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { endPid, tsvde, tsvdeq } from '../support/process.ts';
import { blocks } from '../support/readme.ts';
import { startSshd } from '../support/ssh.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const [overVxlan, overWireGuard, overSsh, streamThere, streamHere] = blocks('sh', { of: 'Several hosts' }) as [
  ...[string, string, string, string, string],
];

/** A host: a network namespace with a directory for its files. */
class Host {
  readonly home = temporaryDirectory();
  readonly space: Namespace = namespace();
  readonly path = `${this.home}/bin:${process.env.PATH}`;
  readonly #number: 1 | 2;

  constructor(number: 1 | 2) {
    this.#number = number;
    mkdirSync(`${this.home}/bin`);
    for (const program of [tsvde, tsvdeq]) symlinkSync(program, `${this.home}/bin/${program.split('/').at(-1)}`);
    atEnd(async () => {
      const file = `${this.home}/lan.pid`;
      if (existsSync(file)) await endPid(Number(readFileSync(file, 'utf8')));
    });
  }

  /**
   * Adapts README's commands, which are written for the first host. Each host has files of its own; on the second host
   * the two addresses are exchanged.
   */
  adapt(block: string): string {
    const own = block.replaceAll('/run/', `${this.home}/`).replaceAll('/etc/', `${this.home}/`);
    if (this.#number === 1) return own;
    return own.replace(/(192\.0\.2|10\.42\.0)\.([12])/g, (_, net, last) => `${net}.${3 - last}`);
  }

  run(block: string, environment: NodeJS.ProcessEnv = {}): void {
    const env = { ...process.env, ...environment, PATH: this.path };
    execFileSync('ip', ['netns', 'exec', this.space.name, 'sh', '-ec', this.adapt(block)], { env });
  }

  join(): Promise<Recorder> {
    return Recorder.join(`${this.home}/lan-ctl`);
  }
}

/** Two hosts with the addresses 192.0.2.1 and 192.0.2.2 on one cable. */
function twoHosts(): [Host, Host] {
  const [one, two] = [new Host(1), new Host(2)];
  one.space.run('ip', 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', two.space.name);
  for (const [host, address] of [
    [one, '192.0.2.1/24'],
    [two, '192.0.2.2/24'],
  ] as const) {
    host.space.run('ip', 'addr', 'add', address, 'dev', 'cable');
    host.space.run('ip', 'link', 'set', 'cable', 'up');
  }
  return [one, two];
}

/** Expects clients of both switches to exchange frames with payloads of up to `mtu` bytes. */
async function expectFramesBothWays([one, two]: [Host, Host], mtu: number, round = 0): Promise<void> {
  // Each round has addresses of its own, which no switch knows yet.
  const [A, B] = [`02:00:00:00:${10 + round}:0a`, `02:00:00:00:${10 + round}:0b`];
  const [a, b] = [await one.join(), await two.join()];
  const hello = frame(BROADCAST, A, 60, 1);
  await until(
    () => {
      a.send(hello);
      return b.frames.some((one) => one.equals(hello));
    },
    'a frame that crosses',
    15_000,
  );
  for (const size of [60, 1000, 14 + mtu]) {
    const back = frame(A, B, size, size);
    b.send(back);
    await a.receives(back);
    const there = frame(B, A, size, size + 1);
    a.send(there);
    await b.receives(there);
  }
}

describeWith(['root', 'tun', 'ip'], 'two hosts over VXLAN', () => {
  test('two hosts over VXLAN are one network up to its MTU', async () => {
    const hosts = twoHosts();
    for (const host of hosts) host.run(overVxlan);
    await expectFramesBothWays(hosts, 1450);
  }, 30_000);
});

/** Returns whether the kernel has WireGuard. If not, wireguard-go is used, which is set up in the same way. */
function hasWireGuard(): boolean {
  return spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'wg0', 'type', 'wireguard']).status === 0;
}

const inKernel = hasWireGuard();
const implementation = inKernel ? 'of the kernel' : 'by wireguard-go, as the kernel has none';

describeWith(
  ['root', 'tun', 'ip', 'wg', 'tcpdump', ...(inKernel ? [] : ['wireguard-go'])],
  `two hosts over VXLAN over WireGuard ${implementation}`,
  () => {
    test('two hosts over WireGuard are one network, and the cable carries only ciphertext', async () => {
      const hosts = twoHosts();
      const keys = hosts.map(({ home }) => {
        const key = execFileSync('wg', ['genkey'], { encoding: 'utf8' });
        writeFileSync(`${home}/lan.key`, key, { mode: 0o600 });
        return execFileSync('wg', ['pubkey'], { input: key, encoding: 'utf8' }).trim();
      });
      for (const [i, host] of hosts.entries()) {
        // The control sockets of wireguard-go lie in one directory for all namespaces, so the names must differ.
        const name = `tsv-wg${process.pid % 100_000}${i}`;
        const lines = overWireGuard.replaceAll('wg0', name);
        const [make, ...rest] = lines.split(/(?<=\n)/);
        expect(make).toContain('type wireguard');
        if (inKernel) {
          host.run(make!);
        } else {
          host.space.start('wireguard-go', ['-f', name]);
          await until(() => existsSync(`/var/run/wireguard/${name}.sock`), 'wireguard-go');
        }
        host.run(rest.join(''), { THEIR_PUBLIC_KEY: keys[1 - i] });
        host.run(overVxlan.replaceAll('192.0.2', '10.42.0').replaceAll('1450', '1370'));
      }
      const cable = hosts[0].space.start('tcpdump', ['-i', 'cable', '-n', '-l', '-q', '--immediate-mode']);
      await cable.output(/listening on/);
      await expectFramesBothWays(hosts, 1370);
      await cable.output(/UDP, length/);
      expect(
        cable
          .stdout()
          .replaceAll(/^.* (ARP|ICMP6|IP6? .*\.51820 > .*\.51820: UDP).*$/gm, '')
          .trim(),
      ).toBe('');
    }, 60_000);
  },
);

describeWith(['root', 'ip', 'ss', 'sshd', 'ssh', 'dpipe', 'vde_plug', 'unshare'], 'two hosts over ssh', () => {
  const withSshd = ([one, two]: [Host, Host]) =>
    startSshd({ home: one.home, server: two.space, address: '192.0.2.2', alias: 'host-b', path: two.path });

  async function overSshd(hosts: [Host, Host]) {
    await withSshd(hosts);
    for (const { space, home } of hosts) {
      const sw = space.start(tsvde, ['--sock', `${home}/lan-ctl`]);
      await until(
        () => existsSync(`${home}/lan-ctl/ctl`),
        () => `a switch, whose stderr is ${sw.stderr()}`,
      );
    }
  }

  test.each([
    ['tsvde plug = ssh tsvde plug', 'tsvde plug', 'tsvde plug'],
    ['tsvde plug = ssh vde_plug', 'tsvde plug', 'vde_plug'],
    ['vde_plug = ssh tsvde plug', 'vde_plug', 'tsvde plug'],
  ])(
    '%s joins two hosts into one network',
    async (_, left, right) => {
      const hosts = twoHosts();
      const [one, two] = hosts;
      await overSshd(hosts);
      // Each path in the command names a directory on the host whose plug uses it.
      const [here, there] = overSsh.split('=') as [string, string];
      const line = `${one.adapt(here.replace('tsvde plug', left))}=${two.adapt(there.replace('tsvde plug', right)).replaceAll('192.0.2.1', '192.0.2.2')}`;
      const dpipe = one.space.start('sh', ['-c', `exec ${line}`], { env: { ...process.env, PATH: one.path } });
      await expectFramesBothWays(hosts, 1500).catch((error) => {
        throw new Error(`${error.message}: ${dpipe.stderr()}`);
      });
    },
    30_000,
  );

  test('a stream port over a forwarded socket joins two hosts, and does so again after ssh has restarted', async () => {
    const hosts = twoHosts();
    const [one, two] = hosts;
    await withSshd(hosts);
    two.run(streamThere.replaceAll('192.0.2.1', '192.0.2.2'));
    const [forward, ...rest] = streamHere.split(/(?<=\n)/);
    expect(forward).toMatch(/^ssh -N .* &\n$/);
    const line = one.adapt(forward!.replace(':/run/', `:${two.home}/`)).replace(/ &\n$/, '');
    const startSsh = () => one.space.start('sh', ['-c', `exec ${line}`], { env: { ...process.env, PATH: one.path } });
    const first = startSsh();
    await until(
      () => existsSync(`${one.home}/far.stream`),
      () => `ssh, whose stderr is ${first.stderr()}`,
    );
    one.run(rest.join(''));
    await expectFramesBothWays(hosts, 1500);
    await first.stop();
    startSsh();
    await expectFramesBothWays(hosts, 1500, 1);
  }, 30_000);
});
