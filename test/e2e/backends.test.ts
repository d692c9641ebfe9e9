// One switch with seven members, each joined in a different way: guests by VDE, a TCP socket, a unix stream, multicast,
// unix datagrams and vhost-user, and the host by its TAP. Each member reaches every other member, through a hub and
// through a switch, and only the members of its VLAN.
import { expect, test } from 'vitest';
import { GUEST_NEEDS, Guest, guestArguments } from '../support/guest.ts';
import { ofOneSwitch } from '../support/metrics.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { run, tsvde, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const HOST = '10.9.1.254';
const address = (member: number) => (member === 0 ? HOST : `10.9.1.${member}`);
/** A ping command for BusyBox, in the guests and on the host. */
const ping = (member: number) => `ping -c 2 -i 0.2 -W 10 ${address(member)}`;

interface Wire {
  netdev: string;
  /** The spec of the switch that matches the netdev. */
  spec?: string;
  /** Further settings of the NIC. */
  nic?: string;
  /** Further options of QEMU. */
  more?: string[];
}

/** The wire of each guest. */
function wires(home: string): Wire[] {
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
    {
      netdev: 'vhost-user,chardev=c0',
      spec: `vhost-user,server=on,path=${home}/vhost-user`,
      nic: ',vectors=0', // QEMU 7.2 crashes otherwise when it emulates the CPU
      more: [
        ...['-chardev', `socket,id=c0,path=${home}/vhost-user`, '-machine', 'memory-backend=ram'],
        ...['-object', 'memory-backend-memfd,id=ram,size=192M,share=on'],
      ],
    },
  ];
}

async function boot(space: Namespace, { netdev, nic = '', more = [] }: Wire, member: number): Promise<Guest> {
  const device = `virtio-net-pci,netdev=n0,mac=52:54:00:00:0b:0${member},romfile=${nic}`;
  const args = [...guestArguments(), ...more, '-netdev', `${netdev},id=n0`, '-device', device];
  const guest = await Guest.booted(space.start('qemu-system-x86_64', args));
  await guest.setAddress(address(member));
  return guest;
}

describeWith([...GUEST_NEEDS, 'tun', 'ip'], 'seven members of one switch', () => {
  test('each member reaches every other member', async () => {
    const space = namespace();
    const home = temporaryDirectory();
    const all = wires(home);
    const specs = all.flatMap(({ spec }) => (spec === undefined ? [] : ['--port', spec]));
    const ports = ['--port', 'tap,ifname=qtap', ...specs];
    space.start(tsvde, ['--hub', '--sock', `${home}/ctl`, ...ports, '--mgmt', `${home}/mgmt`, '--metrics', '9109']);
    const ask = async (...command: string[]) => {
      const { code, stdout, stderr } = await run(tsvdectl, ['--mgmt', `${home}/mgmt`, '--json', ...command]);
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout).data;
    };
    await until(() => space.run('ip', '-br', 'link').includes('qtap'), 'the TAP');
    space.run('ip', 'addr', 'add', `${HOST}/24`, 'dev', 'qtap');
    space.run('ip', 'link', 'set', 'qtap', 'up');
    await until(() => space.run('ss', '-ltn').includes(':7000'), 'the listening port');
    const guests = await Promise.all(all.map((wire, i) => boot(space, wire, i + 1)));

    const members = [0, 1, 2, 3, 4, 5, 6];
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
    expect(await everyPing()).toBe(42);
    await ask('port/sethub', '0');
    expect(await everyPing()).toBe(42);

    const metrics = ofOneSwitch(space.run('busybox', 'wget', '-q', '-O', '-', 'http://127.0.0.1:9109/metrics'));
    expect(metrics).toContain('tsvde_mac_table_entries 7');
    for (const [backend, id] of [
      ['vde', ''],
      ['tap', 'tap0'],
      ['socket', 'socket0'],
      ['stream', 'stream0'],
      ['socket', 'socket1'],
      ['dgram', 'dgram0'],
      ['vhost-user', 'vhost-user0'],
    ])
      expect(metrics).toMatch(new RegExp(`^tsvde_endpoint_info\\{.*kind="${backend}",attachment="${id}",.* 1$`, 'm'));
    expect(metrics).not.toMatch(/(own_echo"|stranger"|bad_length"|"error)\} [1-9].*port="[^5]/);

    // The guests that are joined by vhost-user and by unix datagrams get a VLAN of their own.
    const attached: { id: string; ports: number[] }[] = await ask('port/attached');
    await ask('vlan/create', '5');
    for (const id of ['vhost-user0', 'dgram0'])
      await ask('port/setvlan', `${attached.find((one) => one.id === id)!.ports[0]}`, '5');
    const unreachable = 'ping -c 2 -i 0.2 -W 1';
    const [, , , , byDatagrams, byVhostUser] = guests;
    expect(await byVhostUser!.run(ping(5))).toContain(' 0% packet loss');
    expect(await byDatagrams!.run(ping(6))).toContain(' 0% packet loss');
    for (const other of [0, 1, 2, 3, 4])
      expect(await byVhostUser!.run(`! ${unreachable} ${address(other)}`)).toContain(' 100% packet loss');
    expect(await guests[0]!.run(`! ${unreachable} ${address(6)}`)).toContain(' 100% packet loss');
    expect(await guests[0]!.run(ping(4))).toContain(' 0% packet loss');
  }, 240_000);
});
