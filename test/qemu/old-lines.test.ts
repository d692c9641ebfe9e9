// Command lines of 2005 to 2018, from QEMU's own manuals of 0.9 to 2.12, libvirt's logs and public scripts, reduced to
// the network options: each is accepted by today's QEMU once tsvdeq has rewritten it, and every NIC has its peer.
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { run, type Started, type StartOptions, start, tsvde, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const QEMU = 'qemu-system-x86_64';
const MACHINE = ['-accel', 'tcg', '-nodefaults', '-display', 'none', '-S', '-m', '64', '-monitor', 'stdio'];

/** QEMU's warnings about a NIC or a network backend that is not connected. */
const UNWIRED = /has no peer|not connected/;

const words = (line: string) => line.split(' ').filter((word) => word !== '');

/** Ends QEMU from its monitor, and returns what `info network` showed. */
async function wiringOf(qemu: Started): Promise<string> {
  await qemu.output(/\(qemu\) /);
  qemu.stdin.write('info network\nquit\n');
  expect(await qemu.exited, qemu.stderr()).toEqual({ code: 0, signal: null });
  return qemu.stdout().replaceAll('\r', '');
}

describeWith([QEMU], 'old command lines', () => {
  // SOCK stands for a switch and HOME for a directory. `?` marks a line on which a NIC or a backend has no peer, as it
  // had none at that time.
  const lines = `
    -net nic,vlan=0,macaddr=52:54:00:12:34:56,model=rtl8139 -net socket,vlan=0,listen=127.0.0.1:0
    -net nic,macaddr=52:54:00:12:34:57 -net socket,connect=127.0.0.1:1234
    -net nic,vlan=2 -net socket,vlan=2,connect=127.0.0.1:8010
    -net nic,model=rtl8139,vlan=2 -net socket,vlan=2,connect=127.0.0.1:8010
    -net nic,vlan=1,macaddr=FA:2D:37:78:7F:CF -net socket,vlan=1,mcast=230.0.0.1:1234,localaddr=127.0.0.1
    -net nic,vlan=0,macaddr=56:52:EE:00:61:11,model=rtl8139 -net socket,vlan=0,mcast=230.0.0.1:55544,localaddr=127.0.0.1 -net nic,vlan=1,macaddr=56:52:EE:01:61:11,model=rtl8139 -net socket,vlan=1,mcast=230.0.0.1:54321,localaddr=127.0.0.1
    -net nic,vlan=99,macaddr=52:54:00:a1:00:01,model=rtl8139 -net socket,vlan=99,udp=127.0.0.1:5501,localaddr=127.0.0.1:5502
    -boot c -net nic,vlan=1,macaddr=00:00:00:00:00:11,model=ne2k_pci -net socket,vlan=1,listen=localhost:0
    ? -net nic,model=virtio,vlan=1000,macaddr=00:01:00:ff:66:10 -net nic,model=virtio,vlan=10,macaddr=00:01:00:ff:10:10 -net socket,vlan=10,listen=127.0.0.1:0 -net nic,model=virtio,vlan=11 -net socket,vlan=11,listen=127.0.0.1:0
    ? -net nic,vlan=0 -net socket,vlan=0,listen=:0 -net nic,vlan=1 -net socket,vlan=1,listen=:0 -net nic,vlan=0 -net nic,vlan=3 -net socket,vlan=3,listen=:0
    -net nic,macaddr=52:54:00:f5:80:66 -net user,dhcpstart=10.0.2.15 -redir tcp:0::22 -net socket,listen=127.0.0.1:0
    -net nic,macaddr=02:00:00:00:00:01 -net socket,mcast=230.0.0.1:1300,localaddr=127.0.0.1 -net nic,vlan=1 -net user,vlan=1,hostfwd=tcp:127.0.0.1:0-:22
    -net nic,model=rtl8139,vlan=1,macaddr=52:55:01:4e:79:18 -net user,vlan=1 -net nic,model=rtl8139,vlan=2,macaddr=52:55:01:4e:79:19 -net socket,vlan=2,listen=:0 -nographic -serial none
    -net nic,vlan=1,model=virtio -net socket,vlan=1,listen=127.0.0.1:0 -net nic,vlan=2,model=virtio -net user,vlan=2,restrict=y -net dump,vlan=2,file=HOME/b.pcap
    -net nic,vlan=1,model=pcnet -net user,vlan=1 -vga std
    -net nic,vlan=0,macaddr=00:00:00:00:00:00,model=virtio -net user,vlan=0 -net nic,vlan=1,model=e1000 -net user,vlan=1 -boot order=nc -no-reboot
    -net nic,vlan=0,model=virtio -net user,vlan=0,hostfwd=tcp::0-:22,hostname=vm1
    -net nic,vlan=1,macaddr=00:59:20:cc:93:6f -net user,vlan=1,hostname=John -usb -name WindowsXP
    -net nic,vlan=1 -net user,vlan=1 -redir tcp:0::22
    -net nic -net user -redir tcp:0:10.0.2.15:5555 -redir udp:0:10.0.2.15:5555
    -net nic,model=virtio -net user -redir tcp:0::3389 -usbdevice tablet
    -redir tcp:0::80 -redir tcp:0::443
    -net nic -net user,restrict=yes,tftp=HOME,bootfile=/pxelinux.0
    -net nic -net user -tftp HOME -bootp /pxelinux.0
    -net nic -net user,net=192.168.76.0/24,dhcpstart=192.168.76.9
    -net nic,vlan=2,macaddr=00:00:00:08:e8:aa,addr=1f -net user,vlan=2,hostfwd=tcp:127.0.0.1:0-:22
    -net nic -net user,vlan=0,guestfwd=tcp:10.0.2.100:6667-null
    -net nic -net user -net channel,8080:null
    -net nic,model=e1000 -net user -net dump,file=HOME/network.pcap
    -net nic,model=rtl8139 -net dump,file=HOME/net.pcap -net user
    -net nic,vlan=0,macaddr=52:54:00:00:00:01 -net dump,vlan=0,file=HOME/v.pcap,len=96 -net socket,vlan=0,mcast=230.0.0.1:12341,localaddr=127.0.0.1
    -net nic,model=e1000 -net user,name=simnet,net=192.168.4.0/24,host=192.168.4.40,hostfwd=tcp::0-192.168.4.3:80 -net dump,file=HOME/vm0.pcap,len=64k
    -net nic,vlan=0 -net user,vlan=0 -net dump,vlan=0,name=sniffer,file=HOME/c.pcap -net nic,vlan=1 -net user,vlan=1 -net dump,vlan=1,file=HOME/d.pcap
    -net nic,vlan=1,name=internal.0 -net user,vlan=1,name=outside.0
    -net nic,vlan=1,name=eth0 -net user,vlan=1,name=eth0
    -net nic,vlan=1,name=0 -net user,vlan=1,name=1
    -device rtl8139,vlan=0,id=net0,mac=52:54:00:f0:b2:8b,bus=pci.0,addr=0x4 -net user,vlan=0,name=hostnet0
    -device virtio-net-pci,vlan=0,id=net0,mac=52:40:00:f4:f1:0a,bus=pci.0,addr=0x4 -net socket,listen=127.0.0.1:0,vlan=0,name=hostnet0 -usb
    -device e1000,vlan=0,id=net0,mac=00:0c:29:2f:e3:8a,bus=pci.0,addr=0x3 -net user,vlan=0,name=hostnet0 -device rtl8139,vlan=1,id=net1,mac=00:0c:29:2f:e3:8b,bus=pci.0,addr=0x5 -net user,vlan=1,name=hostnet1
    -device pcnet,vlan=3 -net nic,vlan=3,model=ne2k_pci -net user,vlan=3
    -device virtio-net-pci,vlan=0,tx=timer,id=net0,mac=52:54:00:13:08:96 -net user
    -net user,vlan=0 -usbdevice net:vlan=0
    -usb -usbdevice net:vlan=1,macaddr=52:54:00:00:01:07 -net user,vlan=1
    -netdev user,id=net1 -net nic,vlan=1,netdev=net1,macaddr=52:54:00:00:01:09,model=virtio
    -net none,vlan=0
    -net nic,vlan=1,macaddr=52:54:00:12:34:58 -net l2tpv3,vlan=1,src=127.0.0.1,dst=127.0.0.1,udp=on,srcport=16384,dstport=16385,txsession=0x1
    -device ne2k_isa,vlan=0,iobase=0x300,irq=9,mac=52:54:00:12:34:59 -net user,vlan=0
    -net nic,vlan=1 -net user,vlan=1,macaddr=52:54:00:12:34:5a
    -net nic,macaddr=52:54:00:00:EE:03 -net vde,sock=SOCK -name fsserve
    -net nic,vlan=0,macaddr=00:00:00:00:10:01 -net vde,sock=SOCK
    -net nic,vlan=1,macaddr=52:54:00:00:10:02 -net vde,vlan=1,sock=SOCK
    -net nic -net vde,sock=SOCK,port=9
    -net nic,model=virtio -net vde,sock=SOCK,group=root,mode=0660
    -net vde,vlan=0,sock=SOCK -boot c -no-reboot -name Megatron -net nic,vlan=0,model=e1000
    -net nic,vlan=0,model=virtio,name=lan0 -net vde,vlan=0,name=lan,sock=SOCK
    -net nic,vlan=1 -net vde,vlan=1,sock=SOCK -net nic,vlan=2 -net vde,vlan=2,sock=SOCK -net nic,vlan=3 -net user,vlan=3
    -net nic,macaddr=52:54:00:00:00:0a -net user,net=10.0.2.0/24,dhcpstart=10.0.2.20 -net nic,vlan=1,macaddr=52:54:00:00:00:0b -net vde,vlan=1,sock=SOCK
    -net nic,vlan=0,model=e1000,macaddr=52:54:00:12:34:11 -net vde,vlan=0,sock=SOCK -net dump,vlan=0,file=HOME/lan.pcap
    -net nic,vlan=4,model=i82551 -net nic,vlan=4,model=i82557b -net vde,vlan=4,sock=SOCK -net socket,vlan=4,listen=127.0.0.1:0
    -net nic,model=i82559er -net vde,sock=SOCK,id=uplink
    -device virtio-net-pci,vlan=0,id=net0,mac=52:54:00:a0:00:01 -net vde,vlan=0,sock=SOCK,name=hostnet0
    -vdesock SOCK -net nic,model=rtl8139
    -sock SOCK -net nic,vlan=0,macaddr=52:54:00:00:03:01
    -unix SOCK -name old
    -vdesock SOCK,SOCK -net nic,vlan=0 -net nic,vlan=1
    --mod 0770 -net nic -net vde,sock=SOCK
    -sock SOCK -net nic,vlan=0 -net nic,vlan=1 -net user,vlan=1
  `.split('\n');
  const rows = lines.map((line) => line.trim()).filter((line) => line !== '');

  let home: string;
  beforeAll(() => {
    home = temporaryDirectory();
  });

  test('there are at least sixty command lines', () => {
    expect(new Set(rows).size).toBeGreaterThanOrEqual(60);
  });

  test.each(rows)('QEMU accepts `%s`', async (row) => {
    const { directory } = await network();
    const args = words(row.replaceAll('SOCK', directory).replaceAll('HOME', home)).filter((word) => word !== '?');
    const own = /^--?(vdesock|sock|unix|mod)$/.test(args[0]!) ? args.splice(0, 2) : [];
    const qemu = start(tsvdeq, [...own, QEMU, ...MACHINE, ...args], { cwd: home });
    const wiring = await wiringOf(qemu);
    if (!row.startsWith('?')) expect(qemu.stderr()).not.toMatch(UNWIRED);
    const nics = args.filter((word) => /^(nic,|nic$|net:)|^[^,]+,vlan=\d+.*(mac=|pcnet)|^pcnet,vlan/.test(word)).length;
    if (nics > 0) expect(wiring.match(/type=nic/g)?.length).toBe(nics);
    for (const [, file] of args.join(' ').matchAll(/dump,\S*file=([^ ,]+)/g)) {
      expect(existsSync(file!)).toBe(true);
      expect(readFileSync(file!).readUInt32LE(0)).toBe(0xa1b2c3d4); // the magic number of a pcap file
    }
  });

  test('a capture of -net dump has the frames of its vlan, cut at len=', async () => {
    const file = `${temporaryDirectory()}/x.pcap`;
    const net = `-net nic,vlan=5 -net user,vlan=5 -net dump,vlan=5,file=${file},len=20`;
    const running = MACHINE.filter((word) => word !== '-S');
    const qemu = start(tsvdeq, [QEMU, ...running, ...words(net)]);
    await qemu.output(/\(qemu\) /);
    qemu.stdin.write('announce_self\n'); // each NIC sends a frame, even without a guest
    const bytes = await until(
      () => {
        const all = readFileSync(file);
        return all.length >= 24 + 16 + 20 ? all : undefined;
      },
      'a frame in the capture',
      30_000,
    );
    expect({ snaplen: bytes.readUInt32LE(16), captured: bytes.readUInt32LE(32) }).toEqual({
      snaplen: 20,
      captured: 20,
    });
    await qemu.stop();
  }, 40_000);
});

describeWith(['root', 'tun', 'ip', 'unshare', 'nsenter', QEMU], 'the lines that tsvde was begun for', () => {
  const NIC = /type=nic/g;

  /** A machine of its own: no switch, a /run of its own, `qemu` on the PATH, a multicast route. */
  async function machine() {
    const space = namespace();
    const bin = `${temporaryDirectory()}/bin`;
    mkdirSync(bin);
    const which = (await run('sh', ['-c', `command -v ${QEMU}`])).stdout.trim();
    symlinkSync(which, `${bin}/qemu`);
    space.run('ip', 'route', 'add', '230.0.0.0/8', 'dev', 'lo');
    const holder = space.start('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /run && echo UP && exec cat']);
    await holder.output(/UP/);
    const within = (command: string, args: readonly string[], options: StartOptions = {}) =>
      start('nsenter', ['-t', `${holder.pid}`, '-m', '-n', command, ...args], {
        ...options,
        env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
      });
    return {
      within,
      async withSwitch(directory: string) {
        const sw = within(tsvde, ['-s', directory, '--ready-fd', '3'], { tellsReady: true });
        await sw.ready;
      },
      async boot(line: string): Promise<Started> {
        const all = words(line);
        const at = all.indexOf('qemu') + 1;
        const still = ['-S', '-display', 'none', '-serial', 'none', '-monitor', 'stdio'];
        const qemu = within(tsvdeq, [...all.slice(0, at), ...still, ...all.slice(at)]);
        await qemu.output(/\(qemu\) /, 20_000);
        return qemu;
      },
    };
  }

  test.each([
    ['qemu -net nic -net socket,listen=:8010', /vlan0-socket: /],
    ['qemu -net nic,vlan=2 -net socket,vlan=2,connect=127.0.0.1:8010', /vlan2-socket: /],
    ['qemu -net nic -net tap,ifname=qtap0', /vlan0-tap: .*qtap0/],
    ['qemu -net nic,vlan=1 -net user,vlan=1', /vlan1-user: .*net=10\.0\.2\.0/],
  ])('`%s` needs no switch', async (line, backend) => {
    const { boot } = await machine();
    const qemu = await boot(line);
    expect(qemu.stderr()).toContain('tsvdeq: joins no switch: the command line has its own network\n');
    const wiring = await wiringOf(qemu);
    expect(wiring).toMatch(backend);
    expect(wiring.match(NIC)?.length).toBe(1);
    expect(qemu.stderr()).not.toMatch(UNWIRED);
  });

  test('`qemu -net nic -net socket,mcast=230.0.0.1:1234`, twice, needs no switch and has two addresses', async () => {
    const { boot } = await machine();
    const line = 'qemu -net nic -net socket,mcast=230.0.0.1:1234';
    const two = [await boot(line), await boot(line)];
    const macs = [];
    for (const qemu of two) macs.push(/type=nic.*macaddr=(\S+)/.exec(await wiringOf(qemu))?.[1]);
    expect(new Set(macs).size).toBe(2);
  }, 30_000);

  test("a line that names only a NIC joins the default switch, on the NIC's vlan", async () => {
    const { boot, withSwitch } = await machine();
    await withSwitch('/var/run/vde.ctl');
    const qemu = await boot('qemu -net nic,model=rtl8139,vlan=1,macaddr=52:54:00:12:34:56');
    expect(qemu.stderr()).toBe(
      "tsvdeq: joins the switch '/var/run/vde.ctl', since the command line names no network\n",
    );
    const wiring = await wiringOf(qemu);
    expect(wiring).toMatch(/model=rtl8139,macaddr=52:54:00:12:34:56\n \\ vlan1-vde: /);
    expect(wiring.match(NIC)?.length).toBe(1);
  });

  test('`-vdesock /var/run/qtap-ctl qemu -net nic`, twice, joins that switch', async () => {
    const { boot, withSwitch } = await machine();
    await withSwitch('/var/run/qtap-ctl');
    const line = '-vdesock /var/run/qtap-ctl qemu -net nic';
    const two = [await boot(line), await boot(line)];
    for (const qemu of two) {
      const wiring = await wiringOf(qemu);
      expect(wiring).toMatch(/type=nic.*\n \\ vlan0-vde: /);
      expect(wiring.match(NIC)?.length).toBe(1);
    }
  }, 30_000);

  test('--print says on standard error what would happen', async () => {
    const { within } = await machine();
    const print = async (...args: string[]) => {
      const shown = within(tsvdeq, ['--print', ...args]);
      await shown.exited;
      return shown.stderr().replaceAll(/^tsvdeq: a NIC without.*\n/gm, '');
    };
    expect(await print('qemu', '-net', 'nic', '-net', 'user')).toBe(
      'tsvdeq: joins no switch: the command line has its own network\n',
    );
    expect(await print('-vdesock', '/s', 'qemu', '-net', 'nic')).toBe("tsvdeq: joins the switch '/s'\n");
  });
});

describeWith(['root', 'tun', 'ip', QEMU], 'old command lines with a TAP', () => {
  const rows = [
    '-net nic,vlan=0 -net tap,vlan=0,ifname=tap0,script=no -net nic,vlan=1 -net tap,vlan=1,ifname=tap1,script=no',
    '-net nic,vlan=1,macaddr=00:04:9F:00:27:50,model=i82557b -net tap,ifname=tap0,vlan=1,script=no,downscript=no',
    '-net tap,vlan=0,name=hostnet0,ifname=vnet0,script=/bin/true,downscript=/bin/true -device virtio-net-pci,vlan=0,id=net0,mac=52:54:00:00:04:01',
    '-net nic,vlan=0 -net tap,vlan=0,id=net0,ifname=tap2_0,script=no -net nic,vlan=3 -net socket,vlan=3,listen=:0',
    '-net nic,vlan=0 -net tap,vlan=0,ifname=tap3,script=no -net dump,file=HOME/tap.pcap -net user',
  ];
  test.each(rows)('QEMU accepts `%s`', async (row) => {
    const space = namespace();
    const home = temporaryDirectory();
    const qemu = space.start(tsvdeq, [QEMU, ...MACHINE, ...words(row.replaceAll('HOME', home))]);
    expect(await wiringOf(qemu)).toMatch(/type=tap/);
    expect(qemu.stderr()).not.toMatch(UNWIRED);
  });
});
