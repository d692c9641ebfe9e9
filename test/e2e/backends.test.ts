// One switch with six members, each joined in a different way: guests by VDE, a TCP socket, a unix stream, multicast
// and unix datagrams, and the host by its TAP. Each member reaches every other member, through a hub and through a
// switch.
import { expect, test } from 'vitest';
import { GUEST_NEEDS, Guest, guestArguments } from '../support/guest.ts';
import { ofOneSwitch } from '../support/metrics.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const HOST = '10.9.1.254';
const address = (member: number) => (member === 0 ? HOST : `10.9.1.${member}`);
/** A ping command for BusyBox, in the guests and on the host. */
const ping = (member: number) => `ping -c 2 -i 0.2 -W 10 ${address(member)}`;

/** QEMU's -netdev of each guest and the matching spec of the switch. */
function wires(home: string): { netdev: string; spec?: string }[] {
  const group = '230.0.0.5:5005,localaddr=127.0.0.1';
  const datagrams = (own: string, other: string) =>
    `dgram,local.type=unix,local.path=${home}/${own},remote.type=unix,remote.path=${home}/${other}`;
  return [
    { netdev: `vde,sock=${home}/ctl` },
    { netdev: 'socket,connect=127.0.0.1:7000', spec: 'socket,listen=127.0.0.1:7000' },
    {
      netdev: `stream,addr.type=unix,addr.path=${home}/stream`,
      spec: `stream,server=on,addr.type=unix,addr.path=${home}/stream`,
    },
    { netdev: `socket,mcast=${group}`, spec: `socket,mcast=${group}` },
    { netdev: datagrams('guest', 'switch'), spec: datagrams('switch', 'guest') },
  ];
}

async function boot(space: Namespace, netdev: string, member: number): Promise<Guest> {
  const nic = `virtio-net-pci,netdev=n0,mac=52:54:00:00:0b:0${member},romfile=`;
  const args = [...guestArguments(), '-netdev', `${netdev},id=n0`, '-device', nic];
  const guest = await Guest.booted(space.start('qemu-system-x86_64', args));
  await guest.run(`ip addr add ${address(member)}/24 dev eth0 && ip link set eth0 up`);
  return guest;
}

describeWith([...GUEST_NEEDS, 'tun', 'ip'], 'six members of one switch', () => {
  test('each member reaches every other member', async () => {
    const space = namespace();
    const home = temporaryDirectory();
    const all = wires(home);
    const specs = all.flatMap(({ spec }) => (spec === undefined ? [] : ['--port', spec]));
    const args = ['--hub', '--sock', `${home}/ctl`, '--port', 'tap,ifname=qtap', ...specs, '--metrics', '9109'];
    const sw = space.start(tsvde, args);
    await until(() => space.run('ip', '-br', 'link').includes('qtap'), 'the TAP');
    space.run('ip', 'addr', 'add', `${HOST}/24`, 'dev', 'qtap');
    space.run('ip', 'link', 'set', 'qtap', 'up');
    await until(() => space.run('ss', '-ltn').includes(':7000'), 'the listening port');
    const guests = await Promise.all(all.map(({ netdev }, i) => boot(space, netdev, i + 1)));

    const members = [0, 1, 2, 3, 4, 5];
    const othersOf = (member: number) => members.filter((other) => other !== member);
    const everyPing = async () => {
      const done = await Promise.all(
        guests.map(async (guest, i) => {
          for (const other of othersOf(i + 1)) expect(await guest.run(ping(other))).toContain(' 0% packet loss');
          return othersOf(i + 1).length;
        }),
      );
      for (const other of othersOf(0))
        expect(space.run('busybox', ...ping(other).split(' '))).toContain(' 0% packet loss');
      return done.reduce((sum, count) => sum + count, othersOf(0).length);
    };
    expect(await everyPing()).toBe(30);
    sw.stdin.write('port/sethub 0\n');
    await sw.output(/1000 Success/);
    expect(await everyPing()).toBe(30);

    const metrics = ofOneSwitch(space.run('busybox', 'wget', '-q', '-O', '-', 'http://127.0.0.1:9109/metrics'));
    expect(metrics).toContain('tsvde_mac_table_entries 6');
    for (const [backend, id] of [
      ['vde', ''],
      ['tap', 'tap0'],
      ['socket', 'socket0'],
      ['stream', 'stream0'],
      ['socket', 'socket1'],
      ['dgram', 'dgram0'],
    ])
      expect(metrics).toMatch(new RegExp(`^tsvde_endpoint_info\\{.*kind="${backend}",attachment="${id}",.* 1$`, 'm'));
    expect(metrics).not.toMatch(/(own_echo"|stranger"|bad_length"|"error)\} [1-9].*port="[^5]/);
  }, 240_000);
});
