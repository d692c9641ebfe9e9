// Command lines written by tsvdeq, given to Debian's QEMU: each is accepted, and QEMU's own account shows the wiring.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network, type Recorder } from '../support/network.ts';
import { endPid, isRunning, run, type Started, start, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const QEMU = 'qemu-system-x86_64';
const STOPPED = ['-accel', 'tcg', '-nodefaults', '-display', 'none', '-S', '-m', '64'];
const MACHINE = [...STOPPED, '-monitor', 'stdio'];

async function ask(qemu: Started, command: string): Promise<string> {
  const before = qemu.stdout().length;
  qemu.stdin.write(`${command}\n`);
  return until(
    () => {
      const said = qemu.stdout().slice(before).replaceAll('\r', '');
      return /\n([\s\S]*)\(qemu\) $/.exec(said)?.[1];
    },
    () => `the monitor's answer to '${command}': ${qemu.stderr()}`,
  );
}

describeWith([QEMU], 'command lines given to QEMU', () => {
  const rows: { line: string; network: RegExp[] }[] = [
    {
      line: '-net nic,model=virtio',
      network: [/^virtio-net-pci\.0: .*model=virtio-net-pci.*\n \\ vlan0-vde: .*dgram/m],
    },
    { line: '-net nic,name=eth0', network: [/^e1000\.0: .*model=e1000.*\n \\ vlan0-vde: /m] },
    { line: '', network: [/^e1000\.0: .*model=e1000.*\n \\ vlan0-vde: /m] }, // the machine's default NIC
    {
      line: '-net nic,vlan=2,model=rtl8139,macaddr=52:54:00:00:00:07,name=old -net vde,vlan=2,sock=DIR,port=5',
      network: [/^rtl8139\.0: .*model=rtl8139,macaddr=52:54:00:00:00:07\n \\ vlan2-vde: /m],
    },
    {
      line: '-net nic,vlan=1,model=e1000 -net user,vlan=1 -net nic,vlan=2,model=ne2k_isa -net vde,vlan=2',
      network: [/model=e1000.*\n \\ vlan1-user: .*net=10\.0\.2\.0/, /model=ne2k_isa.*\n \\ vlan2-vde: /],
    },
    {
      line: '-net nic,model=pcnet -net user -net vde',
      network: [/^hub 1\n( \\ vlan0-port\d?: .*\n){3}/m, /^ \\ vlan0-port\d: .*vlan0-vde/m, /model=pcnet/],
    },
    {
      line: '-net nic,vlan=0,model=virtio -net nic,vlan=0,model=i82551 -net socket,vlan=0,listen=127.0.0.1:0',
      network: [/^hub 1\n( \\ vlan0-port\d?: .*\n){4}/m],
    },
    {
      line: '-netdev hubport,id=h,hubid=1 -device e1000,netdev=h -netdev user,id=vlan0-vde -netdev hubport,id=u,hubid=1,netdev=vlan0-vde -net nic,model=pcnet -net nic,model=tulip',
      network: [/^hub 1\n( \\ [uh]: .*\n){2}(?! )/m, /^hub 2\n( \\ vlan0-port\d?: .*\n){3}(?! )/m, / vlan0-vde2: /],
    },
    {
      line: '-net type=nic,model=e1000,vectors=2, -net nic,vlan=1,model=ne2k_isa,addr=5 -net vlan=1,type=user,norestrict,',
      network: [/^e1000\.0: .*\n \\ vlan0-vde: /m, /^ne2k_isa\.0: .*\n \\ vlan1-user: .*restrict=off/m],
    },
    { line: '-net vde,vlan=3,id=lan -net nic,vlan=3,model=vmxnet3,addr=9', network: [/model=vmxnet3.*\n \\ lan: /] },
    {
      line: '-net nic,model=virtio,macaddr=52:54:0:0:0:1',
      network: [/^virtio.*macaddr=52:54:00:00:00:01\n \\ vlan0-vde: /m],
    },
    { line: '-net nic,model=e1000,macaddr=7', network: [/^e1000.*macaddr=00:00:00:00:00:07\n \\ vlan0-vde: /m] },
    {
      line: '-net nic,model=ne2k_isa -net nic,vlan=1,model=ne2k_isa -net user,vlan=1', // with different addresses
      network: [/^ne2k_isa\.0: .*\n \\ vlan0-vde: /m, /^ne2k_isa\.1: .*\n \\ vlan1-user: /m],
    },
    {
      line: '-netdev user,id=u -netdev hubport,id=h,hubid=0,netdev=u -net nic',
      network: [/^hub 0\n( \\ (h|vlan0-port2?): .*\n){3}(?! )/m],
    },
    {
      line: '-netdev user,id=u -netdev hubport,id=h,hubid=2147483647,netdev=u -device e1000,netdev=h2 -netdev hubport,id=h2,hubid=2147483647 -net nic -net user',
      network: [/^hub 1\n( \\ vlan0-port\d?: .*\n){3}(?! )/m],
    },
    { line: '-net none -net vde,vlan=1 -net nic,vlan=1,model=tulip', network: [/model=tulip.*\n \\ vlan1-vde: /] },
  ];

  test.each(rows)('QEMU accepts `$line` and wires its NICs', async ({ line, network: lines }) => {
    const { directory } = await network();
    const words = line
      .replaceAll('DIR', directory)
      .split(' ')
      .filter((word) => word !== '');
    const qemu = start(tsvdeq, ['-vdesock', directory, QEMU, ...MACHINE, ...words]);
    await qemu.output(/\(qemu\) /);
    const wiring = await ask(qemu, 'info network');
    for (const pattern of lines) expect(wiring).toMatch(pattern);
    qemu.stdin.write('quit\n');
    expect(await qemu.exited).toEqual({ code: 0, signal: null });
    // QEMU's other warnings are allowed. For example, QEMU warns about hubs, which people who wire a -netdev by hand
    // seldom want.
    expect(qemu.stderr().replaceAll(/^tsvdeq: a NIC without.*\n/gm, '')).not.toMatch(
      /tsvdeq|not connected|has no peer/,
    );
  });

  test('a NIC has the PCI slot that plain QEMU gives it, from which a guest names the interface', async () => {
    const { directory } = await network();
    const words = [...MACHINE, '-device', 'virtio-rng-pci', '-net', 'nic,model=e1000'];
    const slots = async (qemu: Started) => {
      await qemu.output(/\(qemu\) /);
      const found = (await ask(qemu, 'info pci')).match(/device +\d+.*\n +Ethernet/g);
      await qemu.stop();
      return found;
    };
    const plain = await slots(start(QEMU, [...words, '-net', 'user']));
    expect(plain).toHaveLength(1);
    expect(await slots(start(tsvdeq, ['-vdesock', directory, QEMU, ...words]))).toEqual(plain);
  });

  test('NICs without peers on their vlans stay apart from each other and from unchanged options', async () => {
    const { directory } = await network();
    const line = '-net nic -net user -net nic,vlan=2 -net nic,vlan=3 -net vde,vlan=1';
    const qemu = start(tsvdeq, ['-vdesock', directory, QEMU, ...MACHINE, ...line.split(' ')]);
    await qemu.output(/\(qemu\) /);
    const wiring = await ask(qemu, 'info network');
    expect(wiring).toMatch(/^hub 0\n( \\ hub0port\d: .*\n){2}(?! )/m);
    expect(wiring).toMatch(/^hub 1\n \\ vlan2-port: .*type=nic.*\n(?! )/m);
    expect(wiring).toMatch(/^hub 2\n \\ vlan3-port: .*type=nic.*\n(?! )/m);
    await qemu.stop();
  });

  test.each(['dgram', 'vde'])('-vdesock A,B connects two NICs to two switches, --via %s', async (via) => {
    const [a, b] = [await network(), await network()];
    const args = [
      '--via',
      via,
      '-vdesock',
      `${a.directory},${b.directory}[7]`,
      QEMU,
      ...MACHINE,
      '-net',
      'nic,model=virtio',
    ];
    const qemu = start(tsvdeq, args);
    await qemu.output(/\(qemu\) /);
    const wiring = await ask(qemu, 'info network');
    expect(wiring).toMatch(new RegExp(`virtio-net-pci.*\\n \\\\ vlan0-vde: .*type=${via}`));
    expect(wiring).toMatch(new RegExp(`e1000.*\\n \\\\ vlan1-vde: .*type=${via}`));
    const active = ({ sw }: Network) => sw.ports.list().filter((port) => port.active);
    expect([active(a).length, active(b).map(({ number }) => number)]).toEqual([1, [7]]);
    expect(active(a)[0]!.endpoints[0]!.description).toContain(`pid=${qemu.pid}`);
    await qemu.stop();
    await until(() => active(a).length + active(b).length === 0, 'the end of both ports');
  });

  test('-net user keeps each of several forwards', async () => {
    const { directory } = await network();
    const user = 'user,vlan=1,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp:127.0.0.1:0-:53';
    const qemu = start(tsvdeq, [
      '-vdesock',
      directory,
      QEMU,
      ...MACHINE,
      '-net',
      user,
      '-net',
      'nic,vlan=1,model=e1000',
    ]);
    await qemu.output(/\(qemu\) /);
    expect(await ask(qemu, 'info usernet')).toMatch(
      /(TCP\[HOST_FORWARD\].* 22 [\s\S]*UDP|UDP[\s\S]*TCP)\[HOST_FORWARD\]/,
    );
    await qemu.stop();
  });

  test('--via stream gives each QEMU its own port behind one socket', async () => {
    const { sw } = await network();
    const path = `${temporaryDirectory()}/lan.stream`;
    await sw.attach(`stream,server=on,addr.type=unix,addr.path=${path}`);
    const args = ['--via', 'stream', '-vdesock', path, QEMU, ...MACHINE, '-net', 'nic,model=virtio'];
    const [one, two] = [start(tsvdeq, args), start(tsvdeq, args)];
    for (const qemu of [one, two]) {
      await qemu.output(/\(qemu\) /);
      const connected = /virtio-net-pci.*\n \\ vlan0-vde: .*type=stream,.*lan\.stream/;
      await until(async () => connected.test(await ask(qemu, 'info network')), 'QEMU to connect');
    }
    const here = () =>
      sw.ports
        .list()
        .flatMap(({ active, endpoints }) => (active ? endpoints.map(({ description }) => description) : []));
    await until(() => here().length === 2, 'both ports'); // the probe connections of tsvdeq have ended
    expect(here().sort()).toEqual([one, two].map(({ pid }) => expect.stringContaining(`pid ${pid},`)));
    await one.stop();
    await until(() => here().length === 1, 'the end of the first port');
    await two.stop();
  });

  test('-netdev vde and -nic vde are rewritten for a QEMU without VDE', async () => {
    const { directory, sw } = await network();
    const script = `${temporaryDirectory()}/qemu-without-vde`;
    writeFileSync(
      script,
      `#!/bin/sh\n[ "$*" = "-netdev help" ] && { echo socket; echo hubport; exit; }\nexec ${QEMU} "$@"\n`,
      { mode: 0o755 },
    );
    const words = [
      '-netdev',
      `vde,id=n0,sock=${directory}`,
      '-device',
      'virtio-net-pci,netdev=n0',
      '-nic',
      `vde,sock=${directory},model=e1000`,
    ];
    const qemu = start(tsvdeq, [script, ...MACHINE, ...words]);
    await qemu.output(/\(qemu\) /);
    expect(await ask(qemu, 'info network')).toMatch(/e1000.*\n \\ vlan0-vde: [\s\S]*virtio-net-pci.*\n \\ n0: /);
    expect(sw.ports.list().filter(({ endpoints }) => endpoints.length > 0).length).toBe(2);
    await qemu.stop();
  });
});

describeWith([QEMU], 'a guest’s firmware', () => {
  /** Waits for iPXE's DHCP request, a broadcast from the MAC of the NIC. */
  async function asksForAnAddress(host: Recorder, mac: string): Promise<void> {
    const isDhcp = (bytes: Buffer) =>
      bytes.toString('hex', 0, 12) === `ffffffffffff${mac.replaceAll(':', '')}` && bytes.readUInt16BE(36) === 67;
    await until(() => host.frames.some(isDhcp), `a DHCP request from ${mac}`, 60_000);
  }
  const firmware = ['-accel', 'tcg', '-nodefaults', '-display', 'none', '-m', '64', '-boot', 'n'];

  test.each(['vde', 'stream'])(
    'a DHCP request of the firmware arrives --via %s',
    async (via) => {
      const mac = '52:54:00:00:01:02';
      const net = await network();
      const host = await net.join();
      const path = via === 'stream' ? `${temporaryDirectory()}/lan.stream` : net.directory;
      if (via === 'stream') await net.sw.attach(`stream,server=on,addr.type=unix,addr.path=${path}`);
      const nic = ['-net', `nic,model=virtio,macaddr=${mac}`];
      const qemu = start(tsvdeq, ['--via', via, '-sock', path, QEMU, ...firmware, ...nic]);
      await asksForAnAddress(host, mac);
      await qemu.stop();
    },
    90_000,
  );

  test.each(['virtio', 'e1000', 'rtl8139'])(
    'a DHCP request of the firmware arrives through %s',
    async (model) => {
      const mac = '52:54:00:00:01:01';
      const net = await network();
      const host = await net.join();
      const qemu = start(tsvdeq, [
        '-sock',
        net.directory,
        QEMU,
        ...firmware,
        '-net',
        `nic,model=${model},macaddr=${mac}`,
      ]);
      await asksForAnAddress(host, mac);
      await qemu.stop();
    },
    90_000,
  );
});

describeWith([QEMU], '-daemonize', () => {
  async function inBackground(...args: string[]) {
    const pidFile = `${temporaryDirectory()}/pid`;
    const result = await run(tsvdeq, [
      ...args.slice(0, 2),
      QEMU,
      ...STOPPED,
      '-daemonize',
      '-pidfile',
      pidFile,
      ...args.slice(2),
    ]);
    expect(result.code, result.stderr).toBe(0);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    atEnd(() => endPid(pid, 'SIGKILL'));
    return pid;
  }

  test('the port stays open after tsvdeq has exited, shows the living process and closes when QEMU ends', async () => {
    const { directory, sw, log } = await network();
    const pid = await inBackground('-vdesock', `${directory},${directory}[9]`, '-net', 'nic', '-name', 'web');
    const joined = () => sw.ports.list().filter(({ endpoints }) => endpoints.length > 0);
    expect(isRunning(pid)).toBe(true);
    expect(joined().map(({ number }) => number)).toEqual([1, 9]);
    for (const { endpoints } of joined())
      expect(endpoints.map(({ description }) => description)).toEqual([
        expect.stringMatching(new RegExp(`^tsvdeq name=web user=\\S+ pid=${pid}$`)),
      ]);
    expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(log.filter((line) => /refused|failed/.test(line))).toEqual([]);
    await endPid(pid);
    await until(() => joined().length === 0, 'the end of the ports');
  });

  test('frames pass between a guest in the background and others', async () => {
    const net = await network();
    const host = await net.join();
    const mac = '52:54:00:00:07:01';
    const pidFile = `${temporaryDirectory()}/pid`;
    const firmware = ['-accel', 'tcg', '-nodefaults', '-display', 'none', '-m', '64', '-boot', 'n', '-daemonize'];
    const args = [...firmware, '-pidfile', pidFile, '-net', `nic,model=virtio,macaddr=${mac}`];
    expect((await run(tsvdeq, ['-vdesock', net.directory, QEMU, ...args])).code).toBe(0);
    atEnd(() => endPid(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL'));
    const fromGuest = (bytes: Buffer) => bytes.toString('hex', 6, 12) === mac.replaceAll(':', '');
    await until(() => host.frames.some(fromGuest), 'a frame of the firmware', 60_000);
    host.send(frame(BROADCAST, '02:00:00:00:00:01'));
    const guest = () => net.sw.counters().find(({ port }) => port === 2)!;
    await until(() => guest().transmitBroadcast > 0n, 'a frame for the guest');
    expect(Object.values(guest().transmitDrops)).toEqual(Object.values(guest().transmitDrops).map(() => 0n));
  }, 90_000);

  test('a QEMU that does not start leaves no port, and its exit code is passed on', async () => {
    const { directory, sw } = await network();
    const result = await run(tsvdeq, ['-vdesock', directory, QEMU, ...STOPPED, '-daemonize', '-hda', '/nowhere/disk']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('/nowhere/disk');
    await until(() => sw.ports.list().every(({ endpoints }) => endpoints.length === 0), 'no port in use');
    expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describeWith([QEMU, 'vde_switch'], '-daemonize on Debian’s vde_switch', () => {
  test('the port shows the living process', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const sw = await startVdeSwitch(directory);
    const pidFile = `${temporaryDirectory()}/pid`;
    const args = ['-vdesock', directory, QEMU, ...STOPPED, '-daemonize', '-pidfile', pidFile, '-net', 'nic'];
    expect((await run(tsvdeq, args)).code).toBe(0);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    atEnd(() => endPid(pid, 'SIGKILL'));
    sw.stdin.write('port/print\n');
    await sw.output(new RegExp(`endpoint ID \\d+ module unix prog\\s+: tsvdeq user=\\w+ pid=${pid}`));
    expect(sw.stdout().match(/endpoint ID/g)?.length).toBe(1);
  });
});
