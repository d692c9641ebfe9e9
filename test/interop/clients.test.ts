// Clients from other projects: Debian's vde_plug, dpipe and vde_plug2tap, and QEMU's own netdev vde.
// The frames that they deliver are compared byte for byte, through a hub and through a switch.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { Plug } from '../../src/index.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network, padded } from '../support/network.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const MODES = [
  ['hub', true],
  ['switch', false],
] as const;

/** Starts vde_plug. On stdin and stdout, each frame follows its length, a big-endian number of two bytes. */
async function vdePlug({ sw, directory }: Network, ...args: string[]) {
  const active = () => sw.ports.list().filter((port) => port.active).length;
  const before = active();
  const started = start('vde_plug', [...args, directory]);
  const received: Buffer[] = [];
  let rest = Buffer.alloc(0);
  started.onStdout((chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      received.push(rest.subarray(2, 2 + rest.readUInt16BE(0)));
      rest = rest.subarray(2 + rest.readUInt16BE(0));
    }
  });
  // vde_plug removes the name of its own socket once it has the switch's answer and is connected.
  const named = () => readdirSync(directory).some((name) => name.startsWith('.'));
  await until(() => active() > before && !named(), 'vde_plug to join');
  return {
    started,
    received,
    send(bytes: Buffer) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      started.stdin.write(Buffer.concat([length, bytes]));
    },
    receives: (bytes: Buffer) =>
      until(() => received.some((one) => one.equals(bytes)), `${bytes.length} bytes from vde_plug`),
  };
}

describeWith(['vde_plug'], 'vde_plug', () => {
  test.each(MODES)('frames of all sizes cross a %s in both directions unchanged', async (_, hub) => {
    const net = await network({ hub });
    const theirs = await vdePlug(net);
    const ours = await net.join();
    for (const [mark, size] of [14, 17, 59, 60, 61, 1514, 1518, 9000].entries()) {
      const there = frame(B, A, size, mark);
      theirs.send(there);
      await ours.receives(padded(there));
      const back = frame(A, B, size, mark + 100);
      ours.send(back);
      await theirs.receives(padded(back));
    }
  });

  test('the switch takes the description and the port that vde_plug asks for', async () => {
    const net = await network();
    await vdePlug(net, '-D', 'a wire', '--port', '7');
    const [port] = net.sw.ports.list().filter(({ active }) => active);
    expect(port).toMatchObject({ number: 7, currentUser: process.geteuid!() });
    expect(port?.endpoints[0]?.description).toMatch(
      new RegExp(`^a wire user=(${userInfo().username}|${process.geteuid!()}) pid=\\d+`),
    );
  });

  test('vde_plug ends with its endpoint, and its port becomes inactive when vde_plug is killed', async () => {
    const net = await network();
    const one = await vdePlug(net);
    net.sw.ports.closeEndpoint(1, net.sw.ports.get(1)!.endpoints[0]!.id);
    expect(await one.started.exited).toEqual({ code: 0, signal: null });
    await until(() => !net.sw.ports.get(1)?.active, 'an inactive port');
    const two = await vdePlug(net);
    await two.started.stop('SIGKILL');
    await until(() => !net.sw.ports.get(1)?.active, 'an inactive port');
  });

  test('a refused vde_plug exits at once', async () => {
    const net = await network({ numPorts: 1 });
    await net.join();
    const refused = start('vde_plug', [net.directory]);
    expect((await refused.exited).code).toBe(1);
  });

  test('a stopped client does not slow the others, and its drops are counted', async () => {
    const net = await network({ hub: true, queueFrames: 32 });
    const stopped = await vdePlug(net);
    const [a, b] = [await net.join(), await net.join()];
    stopped.started.signal('SIGSTOP');
    const total = 5000;
    for (let mark = 0; mark < total; mark++) {
      a.send(frame(BROADCAST, A, 1000, mark));
      if (mark % 50 === 0) await until(() => b.frames.length === mark + 1, `frame ${mark} at the client that reads`);
    }
    await until(() => b.frames.length === total, 'every frame at the client that reads');
    const counters = net.sw.counters().find(({ port }) => port === 1)!;
    expect(counters.queueFrames).toBe(32n);
    expect(counters.transmitDrops.queue_full).toBeGreaterThan(4000n);
    const delivered = counters.transmitUnicast + counters.transmitBroadcast;
    expect(delivered + counters.transmitDrops.queue_full!).toBe(BigInt(total));
    stopped.started.signal('SIGCONT');
    await until(() => stopped.received.length === Number(delivered), 'the queued frames');
    expect(net.sw.counters().find(({ port }) => port === 1)!.queueFrames).toBe(0n);
  });
});

describeWith(['dpipe', 'vde_plug'], 'dpipe', () => {
  test('dpipe vde_plug = vde_plug joins two switches into one network', async () => {
    const [one, two] = [await network(), await network()];
    start('dpipe', ['vde_plug', one.directory, '=', 'vde_plug', two.directory]);
    await until(() => one.sw.ports.get(1)?.active && two.sw.ports.get(1)?.active, 'both ends');
    const [a, b] = [await one.join(), await two.join()];
    a.send(frame(BROADCAST, A, 100, 1));
    await b.receives(frame(BROADCAST, A, 100, 1));
    b.send(frame(A, B, 1514, 2));
    await a.receives(frame(A, B, 1514, 2));
  });
});

describeWith(['vde_plug2tap', 'root', 'tun', 'ip', 'busybox'], 'vde_plug2tap', () => {
  test('ping crosses between two TAPs of vde_plug2tap without loss', async () => {
    const net = await network();
    const [here, there] = [namespace(), namespace()];
    there.start('vde_plug2tap', ['-s', net.directory, 'vt0']);
    here.start('vde_plug2tap', ['-s', net.directory, 'vt0']);
    await until(() => net.sw.ports.list().filter(({ active }) => active).length === 2, 'both TAPs');
    for (const [space, address] of [
      [here, '10.77.0.1/24'],
      [there, '10.77.0.2/24'],
    ] as const) {
      space.run('ip', 'addr', 'add', address, 'dev', 'vt0');
      space.run('ip', 'link', 'set', 'vt0', 'up');
    }
    // The kernel answers once both interfaces have settled; after the first answer nothing may be lost.
    const ping = (count: string) => here.run('busybox', 'ping', '-c', count, '-i', '0.1', '-W', '1', '10.77.0.2');
    await until(() => {
      try {
        return ping('1');
      } catch {
        return false;
      }
    }, 'a first answer');
    expect(ping('10')).toContain(' 0% packet loss');
  });
});

describeWith(['qemu-system-x86_64'], "QEMU's netdev vde", () => {
  /** QEMU without a guest: its hub joins a VDE port to a UDP socket of the test. */
  async function converter(net: Network) {
    const udp = createSocket('udp4');
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const probe = createSocket('udp4');
    probe.bind(0, '127.0.0.1');
    await once(probe, 'listening');
    const [mine, its] = [udp.address().port, probe.address().port];
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    const qemu = start('qemu-system-x86_64', [
      ...['-M', 'none', '-nodefaults', '-display', 'none', '-monitor', 'stdio'],
      // The order of the options matters: QEMU binds its UDP port before it joins the switch.
      ...['-netdev', `socket,id=u,udp=127.0.0.1:${mine},localaddr=127.0.0.1:${its}`],
      ...['-netdev', 'hubport,id=hu,hubid=1,netdev=u'],
      ...['-netdev', `vde,id=v,sock=${net.directory}`, '-netdev', 'hubport,id=hv,hubid=1,netdev=v'],
    ]);
    await until(
      () => net.sw.ports.list().some(({ endpoints }) => endpoints[0]?.description.startsWith('QEMU')),
      'QEMU to join',
    );
    const received: Buffer[] = [];
    udp.on('message', (message) => received.push(message));
    return { qemu, udp, its, received };
  }

  test.each(MODES)('frames cross a %s in both directions unchanged', async (_, hub) => {
    const net = await network({ hub });
    const { udp, its, received, qemu } = await converter(net);
    const ours = await net.join();
    for (const [mark, size] of [60, 1514, 4000].entries()) {
      const there = frame(B, A, size, mark);
      udp.send(there, its, '127.0.0.1');
      await ours.receives(there);
      const back = frame(A, B, size, mark + 100);
      ours.send(back);
      await until(() => received.some((one) => one.equals(back)), `${size} bytes from QEMU`);
    }
    await qemu.stop();
    await until(() => net.sw.ports.list().filter(({ active }) => active).length === 1, "the end of QEMU's port");
    udp.close();
  });
});

describeWith(['vde_switch'], 'a Plug connected to vde_switch', () => {
  test('a Plug joins vde_switch, sends and receives', async () => {
    const directory = `${temporaryDirectory()}/vde`;
    await startVdeSwitch(directory);
    const [a, b] = [await Plug.connect(directory), await Plug.connect(directory, { port: 9 })];
    const received = once(b, 'frame');
    a.send(frame(BROADCAST, A));
    expect((await received)[0]).toEqual(frame(BROADCAST, A));
    expect(b.switchPath).toContain('/009.');
    a.close();
    b.close();
  });

  test('Plug.connect gives up after 5 s when vde_switch refuses without an answer', async () => {
    const directory = `${temporaryDirectory()}/vde`;
    await startVdeSwitch(directory, ['-n', '3']);
    await expect(Plug.connect(directory, { port: 20 })).rejects.toThrow(/did not answer in 5 s/);
  });
});
