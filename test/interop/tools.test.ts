// Debian's tools that are more than plugs: wirefilter, a slow or lossy line; slirpvde, user-mode networking;
// vde_pcapplug, a bridge to an interface of the kernel.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network, type Recorder } from '../support/network.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';

const joined = ({ sw }: Network, count: number) =>
  until(() => sw.ports.list().filter(({ active }) => active).length === count, `${count} active ports`);

/** A namespace whose only interface is a TAP at the switch. */
async function station(net: Network, port: number): Promise<Namespace> {
  const space = namespace();
  space.start('vde_plug2tap', ['-s', net.directory, '-p', String(port), 'vt0']);
  await until(() => net.sw.ports.get(port)?.active, 'the TAP');
  space.run('ip', 'link', 'set', 'vt0', 'up');
  return space;
}

describeWith(['wirefilter', 'unixterm'], 'wirefilter', () => {
  async function wire(...args: string[]) {
    const [left, right] = [await network(), await network()];
    const started = start('wirefilter', ['-v', `${left.directory}:${right.directory}`, ...args]);
    await joined(left, 1);
    await joined(right, 1);
    return { a: await left.join(), b: await right.join(), started };
  }

  async function arrival(from: Recorder, to: Recorder, mark: number): Promise<number> {
    const began = performance.now();
    from.send(frame(BROADCAST, A, 100, mark));
    await to.receives(frame(BROADCAST, A, 100, mark));
    return performance.now() - began;
  }

  test("Marionnet's options for a cable delay frames from left to right only", async () => {
    const { a, b } = await wire('-l', '0', '-D', '0', '--noise', '0', '-d', 'LR200+20');
    expect(await arrival(a, b, 1)).toBeGreaterThan(170);
    const back: number[] = [];
    for (let mark = 2; mark < 7; mark++) back.push(await arrival(b, a, mark));
    expect(Math.min(...back)).toBeLessThan(170);
  });

  test('a loss set on the console of wirefilter takes effect while it runs', async () => {
    const console = `${temporaryDirectory()}/wire`;
    const { a, b } = await wire('-M', console);
    await arrival(a, b, 1);
    const terminal = start('unixterm', [console]);
    await terminal.output(/VDEwf\$ /);
    terminal.stdin.write('loss LR100\n');
    await terminal.output(/1000 Success/);
    for (let mark = 10; mark < 20; mark++) a.send(frame(BROADCAST, A, 100, mark));
    // wirefilter reads both sides in each turn: once these frames have arrived, it has read the frames to be lost.
    for (let mark = 30; mark < 40; mark++) await arrival(b, a, mark);
    terminal.stdin.write('loss LR0\n');
    await terminal.output(/1000 Success[\s\S]*1000 Success/);
    await arrival(a, b, 21);
    expect(b.frames.map((got) => got[99])).toEqual([1, 21]);
  });
});

/** Applies the lease that udhcpc has received. */
const LEASE = `#!/bin/sh
[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface" && ip route add default via "$router" && echo "lease $ip"
exit 0
`;

describeWith(['slirpvde', 'vde_plug2tap', 'root', 'tun', 'ip', 'busybox'], 'slirpvde', () => {
  test('slirpvde with the options of openQA gives an address by DHCP and access to servers of the host', async () => {
    const net = await network();
    net.sw.ports.create(2);
    const server = createServer((_, response) => response.end('from the host')).listen(0, '127.0.0.1');
    atEnd(() => server.close());
    await until(() => server.listening, 'a server');
    const { port } = server.address() as { port: number };
    start('slirpvde', ['--dhcp', '-s', net.directory, '--port', '2']);
    await until(() => net.sw.ports.get(2)?.active, 'slirpvde to join');
    expect(net.sw.ports.get(2)?.endpoints[0]?.description).toMatch(/^slirpvde: user=/);
    const guest = await station(net, 3);
    const script = `${temporaryDirectory()}/lease`;
    writeFileSync(script, LEASE, { mode: 0o755 });
    const client = guest.start('busybox', ['udhcpc', '-i', 'vt0', '-n', '-q', '-s', script]);
    await client.output(/lease 10\.0\.2\.15/, 20_000);
    const get = guest.start('busybox', ['wget', '-q', '-O', '-', `http://10.0.2.2:${port}/`]);
    await get.output(/from the host/);
  }, 30_000);
});

/** Sends many frames from an interface of the kernel: with Debian's libpcap, vde_pcapplug reads only whole blocks. */
const BURST = `
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('v1', 0))
for i in range(4000): s.send(bytes.fromhex('${BROADCAST.replaceAll(':', '')}02000000000b88b5') + i.to_bytes(4, 'big') * 340)
`;

describeWith(['vde_pcapplug', 'tcpdump', 'root', 'ip', 'python3'], 'vde_pcapplug', () => {
  test('frames go both ways between the switch and an interface of the kernel', async () => {
    const net = await network();
    const space = namespace();
    space.run('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
    for (const name of ['v0', 'v1']) space.run('ip', 'link', 'set', name, 'up');
    // Until the kernel has noticed that its peer is up, v0 drops what is sent.
    await until(() => space.run('ip', 'link', 'show', 'v0').includes('state UP'), 'v0 to be up');
    space.start('vde_pcapplug', ['-s', net.directory, '-p', '4', 'v0']);
    await until(() => net.sw.ports.get(4)?.active, 'vde_pcapplug to join');
    const a = await net.join();
    const dump = space.start('tcpdump', ['-c', '1', '-e', '-n', '-x', '-i', 'v1', 'ether', 'src', A]);
    await dump.output(/listening on v1/);
    a.send(frame(BROADCAST, A, 60, 0xabcdef01));
    await dump.output(/02:00:00:00:00:0a > ff:ff:ff:ff:ff:ff[\s\S]*abcd ef01/);
    space.run('python3', '-c', BURST);
    const sent = (i: number) =>
      Buffer.from(`ffffffffffff02000000000b88b5${i.toString(16).padStart(8, '0').repeat(340)}`, 'hex');
    await a.receives(sent(0));
    // Frames that vde_pcapplug could not take in time are lost; the others are unchanged.
    for (const got of a.frames.filter((one) => one.toString('hex', 6, 12) === '02000000000b'))
      expect(got.equals(sent(got.readUInt32BE(14)))).toBe(true);
  });
});
