// DHCP of a user-mode network while guests come and go, and forwards without a guest address, which lead to the only
// guest.
import { describe, expect, test } from 'vitest';
import type { UserBackend } from '../../src/backends/user/user-backend.ts';
import { DhcpGuest } from '../support/dhcp-guest.ts';
import { type Network, network } from '../support/network.ts';
import { until } from '../support/wait.ts';

const mac = (n: number) => `52:54:00:00:01:${n.toString(16).padStart(2, '0')}`;
const join = (net: Network, n: number) => DhcpGuest.join(net.directory, mac(n));

async function userNetwork(spec = 'user', options: Parameters<typeof network>[0] = {}): Promise<Network> {
  const net = await network({ numPorts: 64, ...options });
  await net.sw.attach(spec);
  return net;
}

/** Starts 16 guests, one for each address that DHCP leases. They stay connected. */
async function fill(net: Network): Promise<DhcpGuest[]> {
  const guests: DhcpGuest[] = [];
  for (let n = 0; n < 16; n++) {
    guests.push(await join(net, n));
    expect(await guests[n]!.takeLease()).toBe(`10.0.2.${15 + n}`);
  }
  return guests;
}

const left = async (net: Network, guest: DhcpGuest) => {
  const active = () => net.sw.ports.list().filter((port) => port.active).length;
  const before = active();
  await guest.leave();
  await until(() => active() < before, 'the port of a guest to be inactive');
};

const backend = (net: Network) => net.sw.attachments()[0]!.backend as UserBackend;
const stat = (net: Network, name: 'leases' | 'leases_refused') => net.sw.attachments()[0]!.stats[name];

describe('leases', () => {
  test('each of 24 guests, one after another, gets an address, and a guest that returns gets its own', async () => {
    const net = await userNetwork();
    for (let n = 0; n < 24; n++) {
      const guest = await join(net, n);
      expect(await guest.takeLease()).toMatch(/^10\.0\.2\.(1[5-9]|2\d|30)$/);
      await left(net, guest);
    }
    expect(net.log.filter((line) => /is free again/.test(line)).length).toBeGreaterThan(0);
    expect(stat(net, 'leases_refused')).toBe(0);
    const last = await join(net, 23);
    const address = await last.takeLease();
    await left(net, last);
    expect(await (await join(net, 23)).takeLease()).toBe(address);
  });

  test('while every address is leased, the next guest is refused, logged and counted, until one leaves', async () => {
    const net = await userNetwork();
    const guests = await fill(net);
    await until(() => stat(net, 'leases') === 16, 'sixteen leases in the metrics');
    const late = await join(net, 99);
    const asked = late.ask('discover');
    await until(
      () => net.log.some((line) => /user0: no address is left for 52:54:00:00:01:63/.test(line)),
      'a log line',
    );
    await until(() => stat(net, 'leases_refused') === 1, 'the refusal in the metrics');
    expect(late.answer(asked)).toBeUndefined();
    expect(await guests[3]!.asks('request', { own: '10.0.2.18' })).toBe('ack 10.0.2.18');
    await left(net, guests[9]!);
    expect(await late.takeLease()).toBe('10.0.2.24');
    expect(net.log).toContain('user0: 10.0.2.24 is free again: 52:54:00:00:01:09 is on no port any more');
  });

  test('a guest that has long been silent keeps its address: those of absent guests are given first', async () => {
    const net = await userNetwork();
    const guests = await fill(net);
    for (const guest of guests.slice(5)) await left(net, guest);
    net.sw.macs.flush();
    for (let n = 0; n < 11; n++) {
      const guest = await join(net, 20 + n);
      expect(await guest.takeLease()).toMatch(/^10\.0\.2\.(2\d|30)$/); // not an address of the first five guests
      await left(net, guest);
    }
    for (const [n, guest] of guests.slice(0, 5).entries())
      expect(await guest.asks('request', { own: `10.0.2.${15 + n}` })).toBe(`ack 10.0.2.${15 + n}`);
  });

  test('a silent guest is asked by ARP before its address is given to another', async () => {
    const net = await userNetwork();
    const guests = await fill(net);
    net.sw.macs.flush();
    const answering = guests[0]!;
    answering.recorder.plug.on('frame', () => {
      if (answering.arpRequests('10.0.2.15') > 0) answering.claim('10.0.2.15');
    });
    expect(await (await join(net, 99)).takeLease()).not.toBe('10.0.2.15');
    expect(answering.arpRequests('10.0.2.15')).toBe(1);
  });

  test('on a hub, which learns no addresses, a lease whose guest does not answer ARP is given again', async () => {
    const net = await userNetwork('user', { hub: true });
    for (const guest of await fill(net)) await left(net, guest);
    expect(await (await join(net, 99)).takeLease()).toBe('10.0.2.15');
  });

  test('a stack that is restarted gives no address that a guest has', async () => {
    const net = await userNetwork();
    const [one, two] = [await join(net, 1), await join(net, 2)];
    await one.takeLease();
    two.claim('10.0.2.16');
    await until(() => stat(net, 'leases') === 2, 'two leases in the metrics');
    process.kill(backend(net).pid!, 'SIGKILL');
    await until(() => net.sw.attachments()[0]!.stats.restarts === 1, 'the restart');
    await until(() => stat(net, 'leases') === 2, 'two leases again');
    expect(await (await join(net, 3)).takeLease()).toBe('10.0.2.17');
    expect(await one.asks('request', { own: '10.0.2.15' })).toBe('ack 10.0.2.15');
  });

  test('an address that would be the broadcast address or outside the network is not leased', async () => {
    const net = await userNetwork('user,dhcpstart=10.0.2.253');
    const guests: DhcpGuest[] = [];
    for (const n of [0, 1]) guests.push(await join(net, n));
    expect(await guests[0]!.takeLease()).toBe('10.0.2.253');
    expect(await guests[1]!.takeLease()).toBe('10.0.2.254');
    (await join(net, 2)).ask('discover');
    await until(() => stat(net, 'leases_refused') === 1, 'the refusal in the metrics');
  });
});

describe('forwards without a guest address', () => {
  const RULES = 'user,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp:127.0.0.1:0-:53,hostfwd=tcp:127.0.0.1:0-10.0.2.77:23';
  const targets = async (net: Network) =>
    [...(await backend(net).info()).matchAll(/(?:TCP|UDP)\[HOST_FORWARD\] +\d+ +\S+ +\d+ +(\S+) +(\d+)/g)]
      .map(([, address, port]) => `${address}:${port}`)
      .sort();
  const lead = (net: Network, address: string) =>
    until(
      async () => (await targets(net)).join() === [`10.0.2.77:23`, `${address}:22`, `${address}:53`].sort().join(),
      `forwards to ${address}`,
    );

  test('follow the only guest, keep their ports, and stay with a guest that is there', async () => {
    const net = await userNetwork(RULES);
    await lead(net, '10.0.2.15');
    const ports = backend(net).hostForwards;
    const first = await join(net, 1);
    await first.takeLease();
    await left(net, first);
    const second = await join(net, 2);
    expect(await second.takeLease()).toBe('10.0.2.16');
    await lead(net, '10.0.2.16');
    expect(net.log.filter((line) => /hostfwd tcp:\S+-:22 now leads to 10\.0\.2\.16/.test(line))).toHaveLength(1);
    expect(backend(net).hostForwards).toEqual(ports);
    // A third guest changes nothing while the second is there, and gets the forwards once the second has left.
    const third = await join(net, 3);
    expect(await third.takeLease()).toBe('10.0.2.17');
    await lead(net, '10.0.2.16');
    await left(net, second);
    await lead(net, '10.0.2.17');
  });

  test('follow a guest with a static address, and stay where there are several', async () => {
    const net = await userNetwork(RULES);
    const fixed = await join(net, 1);
    fixed.claim('10.0.2.99');
    await lead(net, '10.0.2.99');
    const [other, third] = [await join(net, 2), await join(net, 3)];
    await other.takeLease();
    await third.takeLease();
    await until(() => stat(net, 'leases') === 2, 'two leases in the metrics'); // the stack has reported both
    await left(net, fixed);
    await lead(net, '10.0.2.99');
    await left(net, other);
    await lead(net, '10.0.2.16');
  });
});
