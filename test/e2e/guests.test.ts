// The main use with the command lines of a user: a host's TAP and two real guests on one tsvde, first as a hub and then
// as a switch, with the metrics in each mode.
import { expect, test } from 'vitest';
import { GUEST_NEEDS, Guest, tsvdeqArguments } from '../support/guest.ts';
import { ofOneSwitch } from '../support/metrics.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { Recorder } from '../support/network.ts';
import { tsvde, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const HOST = '10.9.0.254';
const GUESTS = [
  { name: 'one', mac: '52:54:00:00:09:01', address: '10.9.0.1' },
  { name: 'two', mac: '52:54:00:00:09:02', address: '10.9.0.2' },
] as const;

/** The same command for a guest and for the host's shell. */
const ping = (address: string) => `ping -c 3 -i 0.2 -W 5 ${address}`;

async function boot(space: Namespace, socket: string, { name, mac, address }: (typeof GUESTS)[number]): Promise<Guest> {
  const guest = await Guest.booted(space.start(tsvdeq, tsvdeqArguments(socket, { name, mac })));
  await guest.setAddress(address);
  return guest;
}

function metricsOf(space: Namespace): Map<string, number> {
  const text = space.run('busybox', 'wget', '-q', '-O', '-', 'http://127.0.0.1:9109/metrics');
  return new Map(
    ofOneSwitch(text)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** Returns the number of the port that has this name. */
function portOf(metrics: Map<string, number>, name: string): string | undefined {
  const shows = new RegExp(`^tsvde_port_info\\{port="(\\d+)",name="${name}"`);
  return [...metrics.keys()].map((name) => shows.exec(name)?.[1]).find((port) => port !== undefined);
}

describeWith([...GUEST_NEEDS, 'tun', 'ip'], 'two guests and the host', () => {
  test('two guests and the host reach each other through a hub and through a switch', async () => {
    const space = namespace();
    const socket = `${temporaryDirectory()}/qtap-ctl`;
    const host = space.start(tsvde, ['--hub', '--tap', 'qtap', '--sock', socket, '--metrics', '9109']);
    await until(() => space.run('ip', '-br', 'link').includes('qtap'), 'the TAP');
    space.run('ip', 'addr', 'add', `${HOST}/24`, 'dev', 'qtap');
    space.run('ip', 'link', 'set', 'qtap', 'up');
    const [one, two] = await Promise.all(GUESTS.map((guest) => boot(space, socket, guest)));
    const everyPing = async () => {
      for (const [guest, other] of [
        [one!, GUESTS[1].address],
        [two!, GUESTS[0].address],
      ] as const) {
        expect(await guest.run(ping(other))).toContain(' 0% packet loss');
        expect(await guest.run(ping(HOST))).toContain(' 0% packet loss');
      }
      for (const { address } of GUESTS)
        expect(space.run('busybox', ...ping(address).split(' '))).toContain(' 0% packet loss');
    };

    const third = await Recorder.join(socket);
    const unicastBetweenGuests = () =>
      third.frames.filter((frame) => GUESTS.some(({ mac }) => frame.toString('hex', 0, 6) === mac.replaceAll(':', '')));
    await everyPing();
    expect(unicastBetweenGuests().length).toBeGreaterThanOrEqual(12);
    const asHub = metricsOf(space);
    expect(asHub.get('tsvde_hub')).toBe(1);
    expect(asHub.get('tsvde_mac_table_entries')).toBe(0);

    host.stdin.write('port/sethub 0\n');
    await host.output(/1000 Success/);
    await everyPing(); // after this round every address has been learned
    third.frames.length = 0;
    await everyPing();
    expect(unicastBetweenGuests()).toEqual([]);

    const asSwitch = metricsOf(space);
    expect(asSwitch.get('tsvde_mac_table_entries')).toBe(3);
    for (const port of [1, 2, 3]) {
      const value = (name: string) => asSwitch.get(`tsvde_port_${name}{port="${port}"}`);
      expect(value('up')).toBe(1);
      // everyPing() runs once as a hub and twice as a switch. Each run is at least a dozen echoes and replies in each
      // direction.
      expect(value('receive_unicast_packets_total')).toBeGreaterThanOrEqual(36);
      expect(value('transmit_unicast_packets_total')).toBeGreaterThanOrEqual(36);
      const drops = [...asSwitch].filter(
        ([name]) => name.includes(`drop_total{port="${port}"`) && !name.includes('interface_down'),
      );
      expect(drops.map(([, count]) => count).every((count) => count === 0)).toBe(true);
    }

    const [ofOne, ofTwo] = GUESTS.map(({ name }) => portOf(metricsOf(space), name));
    expect([ofOne, ofTwo].toSorted()).toEqual(['2', '3']);
    one!.qemu.signal('SIGTERM');
    expect((await one!.qemu.exited).code).toBe(0);
    const up = (port: string | undefined) => metricsOf(space).get(`tsvde_port_up{port="${port}"}`);
    await until(() => up(ofOne) === 0, "the end of the guest's port");
    expect(up(ofTwo)).toBe(1);
    expect(portOf(metricsOf(space), GUESTS[0].name)).toBeUndefined();
    host.signal('SIGTERM');
    expect(await host.exited).toEqual({ code: 0, signal: null });
    expect(space.run('ip', '-br', 'link')).not.toContain('qtap');
  }, 120_000);
});
