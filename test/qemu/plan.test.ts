// The rewriting as a table: the arguments typed, and those that a current QEMU is given. Descriptors count from 3.
import { describe, expect, test } from 'vitest';
import { parseTarget, type Target } from '../../src/plug/target.ts';
import { planQemu } from '../../src/qemu/plan.ts';
import type { Via } from '../../src/qemu/vde-backend.ts';
import type { Facts } from '../../src/qemu/wiring.ts';

const DEFAULT = { directory: '/var/run/vde.ctl' };
const QEMU_7: Facts = {
  backends: new Set(['socket', 'stream', 'dgram', 'hubport', 'tap', 'user', 'vde']),
  defaultTarget: DEFAULT,
  version: () => [7, 2],
  readFile: () => '',
  isDirectory: () => false,
  newMac: () => '52:54:00:aa:bb:cc',
};
const WITHOUT_VDE: Facts = { ...QEMU_7, backends: new Set(['socket', 'dgram', 'hubport', 'tap', 'user']) };
const QEMU_6: Facts = { ...QEMU_7, backends: new Set(['socket', 'hubport', 'tap', 'user', 'vde']) };

interface Row {
  /** QEMU's arguments. */
  typed: string;
  /** The value of -vdesock, if given. */
  sock?: string;
  facts?: Facts;
  becomes: string;
  joins?: Target[];
  via?: Via;
  opens?: string[];
}

const DGRAM = (id: string, fd = 3) => `-netdev dgram,id=${id},local.type=fd,local.str=${fd}`;
const MAC = 'macaddr=52:54:00:aa:bb:cc';
const at = (...paths: string[]): Target[] => paths.map((directory) => ({ directory }));
/** A backend on a hub, as on a vlan with more than two members. */
const hubbed = (id: string, port: string, hub = 1) => `-netdev hubport,id=${port},hubid=${hub},netdev=${id}`;

const rows: Record<string, Row[]> = {
  'a NIC and a switch': [
    {
      typed: '-net nic,model=virtio,macaddr=52:54:00:00:00:01',
      sock: '/s',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=virtio,macaddr=52:54:00:00:00:01`,
      joins: at('/s'),
    },
    {
      typed: '-m 512 -hda one.img -net nic -nographic',
      sock: '/s',
      becomes: `-m 512 -hda one.img ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC} -nographic`,
    },
    { typed: '-m 512', sock: '/s', becomes: `-m 512 ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}` },
    { typed: '', becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`, joins: [DEFAULT] },
    { typed: '-net nic', becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`, joins: [DEFAULT] },
  ],
  'an older QEMU': [
    {
      typed: '-net nic,model=e1000',
      sock: '/s',
      facts: QEMU_6,
      becomes: `-netdev socket,id=vlan0-vde,fd=3 -net nic,netdev=vlan0-vde,model=e1000,${MAC}`,
    },
    {
      typed: '-net nic,model=e1000',
      sock: '/s',
      facts: { ...QEMU_7, backends: new Set() }, // a QEMU that does not list its backends
      becomes: `-netdev socket,id=vlan0-vde,fd=3 -net nic,netdev=vlan0-vde,model=e1000,${MAC}`,
    },
  ],
  '-net vde in the spelling of vdeq': [
    {
      typed: '-net nic,vlan=2,model=rtl8139 -net vde,vlan=2,sock=/run/a.ctl,port=3',
      becomes: `${DGRAM('vlan2-vde')} -net nic,netdev=vlan2-vde,model=rtl8139,${MAC}`,
      joins: [{ directory: '/run/a.ctl', port: 3 }],
    },
    { typed: '-net vde', becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`, joins: [DEFAULT] },
    {
      typed: '--net vde',
      sock: '/s',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
      joins: at('/s'),
    },
    {
      typed: '-net vde,sock="/run/a.ctl",id=lan,group=vde2-net,mode=0660 -net nic,model=virtio,name=eth7,addr=5',
      becomes: `${DGRAM('lan')} -net nic,netdev=lan,model=virtio,id=eth7,addr=5,${MAC}`,
      joins: [{ directory: '/run/a.ctl', group: 'vde2-net', mode: 0o660 }],
    },
    {
      typed: '-net nic,name=eth0',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,id=eth0,${MAC}`,
    },
    {
      typed: '-net vde,sock=/run/a.ctl[7] -net nic,model=virtio',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=virtio,${MAC}`,
      joins: [{ directory: '/run/a.ctl', port: 7 }],
    },
    {
      typed: '-net nic,vlan=2 -net vde,vlan=2,sock=/tmp/lan1.ctl[]',
      becomes: `${DGRAM('vlan2-vde')} -net nic,netdev=vlan2-vde,${MAC}`,
      joins: at('/tmp/lan1.ctl'),
    },
    {
      typed: '-net nic,vlan=0x1 -net vde,vlan=01,port=010,sock=/a,,b',
      becomes: `${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,${MAC}`,
      joins: [{ directory: '/a,b', port: 8 }],
    },
  ],
  'a switch named by -net vde is not joined again by -vdesock': [
    {
      typed: '-net nic -net vde,sock=/s',
      sock: '/s',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
      joins: at('/s'),
    },
    {
      typed: '-net vde,vlan=4 -net vde,vlan=3,sock=/a,port=7',
      sock: '/a,/b',
      becomes:
        `${DGRAM('vlan4-vde')} -net nic,netdev=vlan4-vde,${MAC}` +
        ` ${DGRAM('vlan3-vde', 4)} -net nic,netdev=vlan3-vde,${MAC}`,
      joins: [{ directory: '/b' }, { directory: '/a', port: 7 }],
    },
    {
      typed: '-net vde,vlan=3,sock=/a,port=7',
      sock: '/a[7],/a[8]',
      becomes:
        `${DGRAM('vlan3-vde')} -net nic,netdev=vlan3-vde,${MAC}` +
        ` ${DGRAM('vlan1-vde', 4)} -net nic,netdev=vlan1-vde,${MAC}`,
      joins: [
        { directory: '/a', port: 7 },
        { directory: '/a', port: 8 },
      ],
    },
  ],
  'several networks': [
    {
      typed:
        '-net nic,vlan=1,model=virtio -net vde,vlan=1,sock=/a -net nic,vlan=2,model=virtio -net user,vlan=2,restrict',
      becomes:
        `${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,model=virtio,${MAC}` +
        ` -netdev user,id=vlan2-user,restrict=on -net nic,netdev=vlan2-user,model=virtio,${MAC}`,
      joins: at('/a'),
    },
    {
      typed: '-net nic,vlan=0,model=virtio -net nic,vlan=1,model=virtio',
      sock: '/a,/b',
      becomes:
        `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=virtio,${MAC}` +
        ` ${DGRAM('vlan1-vde', 4)} -net nic,netdev=vlan1-vde,model=virtio,${MAC}`,
      joins: at('/a', '/b'),
    },
    {
      typed: '-net vde,vlan=5 -net nic,vlan=5,model=e1000',
      sock: '/a,/b',
      becomes:
        `${DGRAM('vlan5-vde')} -net nic,netdev=vlan5-vde,model=e1000,${MAC}` +
        ` ${DGRAM('vlan1-vde', 4)} -net nic,netdev=vlan1-vde,${MAC}`,
      joins: at('/a', '/b'),
    },
    {
      typed: '-net tap,vlan=1,ifname=tap7,script=no -net nic,vlan=1,model=ne2k_isa -net vde,vlan=3,sock=/a',
      becomes:
        `-netdev tap,id=vlan1-tap,ifname=tap7,script=no -net nic,netdev=vlan1-tap,model=ne2k_isa,${MAC}` +
        ` ${DGRAM('vlan3-vde')} -net nic,netdev=vlan3-vde,${MAC}`,
    },
    {
      typed:
        '-net user,vlan=1,hostfwd=tcp::1-:22,hostfwd=udp::2-:53 -net nic,vlan=1,model=e1000 -net vde,vlan=2,sock=/a',
      becomes:
        `-netdev user,id=vlan1-user,hostfwd=tcp::1-:22,hostfwd=udp::2-:53 -net nic,netdev=vlan1-user,model=e1000,${MAC}` +
        ` ${DGRAM('vlan2-vde')} -net nic,netdev=vlan2-vde,${MAC}`,
    },
    {
      typed: '-net socket,vlan=1,name=wire,listen=:8010 -net vde,vlan=2,sock=/a',
      becomes: `-netdev socket,id=wire,listen=:8010 ${DGRAM('vlan2-vde')} -net nic,netdev=vlan2-vde,${MAC}`,
    },
    {
      typed: '-net nic,vlan=4 -net vde,sock=/a',
      becomes:
        `-netdev hubport,id=vlan4-port,hubid=1 -net nic,netdev=vlan4-port,${MAC}` +
        ` ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
  ],
  'more -net vde than -vdesock': [
    {
      typed: '-net vde,vlan=1 -net vde,vlan=2 -net vde,vlan=3',
      sock: '/a,/b',
      becomes:
        `${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,${MAC}` +
        ` ${DGRAM('vlan2-vde', 4)} -net nic,netdev=vlan2-vde,${MAC}` +
        ` ${DGRAM('vlan3-vde', 5)} -net nic,netdev=vlan3-vde,${MAC}`,
      joins: at('/a', '/b', '/b'), // the last switch again
    },
    {
      typed: '-net vde,vlan=1 -net vde,vlan=2',
      sock: '/a',
      becomes:
        `${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,${MAC}` +
        ` ${DGRAM('vlan2-vde', 4)} -net nic,netdev=vlan2-vde,${MAC}`,
      joins: at('/a', '/a'),
    },
  ],
  'a line that wires its network itself joins no switch': [
    ...['socket,listen=:8010', 'socket,mcast=230.0.0.1:1234', 'tap,ifname=qtap0', 'bridge,br=br1'].map((backend) => {
      const [kind, settings] = [backend.slice(0, backend.indexOf(',')), backend.slice(backend.indexOf(','))];
      return {
        typed: `-net nic -net ${backend}`,
        becomes: `-netdev ${kind},id=vlan0-${kind}${settings} -net nic,netdev=vlan0-${kind},${MAC}`,
        joins: [],
      };
    }),
    {
      typed: '-net nic,vlan=2 -net socket,vlan=2,connect=127.0.0.1:8010',
      becomes: `-netdev socket,id=vlan2-socket,connect=127.0.0.1:8010 -net nic,netdev=vlan2-socket,${MAC}`,
      joins: [],
    },
    {
      typed: '-net nic,vlan=1 -net user,vlan=1',
      becomes: `-netdev user,id=vlan1-user -net nic,netdev=vlan1-user,${MAC}`,
      joins: [],
    },
    ...[
      '-net nic -net user',
      '-net user',
      '-net none',
      '-nic user',
      '-nic none',
      '-netdev user,id=u',
      '-netdev user,id=u -device e1000,netdev=u',
      '-netdev user,id=u -device e1000,netdev=u,name=n',
      '-net nic,netdev=u -netdev user,id=u',
      '-netdev socket,id=s,listen=:1 -netdev hubport,id=h,hubid=1,netdev=s',
      '-nic channel,1:null', // -nic has no channel: QEMU reports the error
      '-readconfig c -net nic,netdev=c',
      '-readconfig c -device e1000,netdev=c',
      '-version',
      '-help',
      '-M help',
      '-cpu ?',
      '-m 64 -device e1000,help',
    ].map((typed) => ({ typed, becomes: typed, joins: [] })),
    {
      typed: '-net nic,vlan=1000 -net nic,vlan=10 -net socket,vlan=10,listen=:7010', // one NIC without a network
      becomes:
        `-netdev hubport,id=vlan1000-port,hubid=1 -net nic,netdev=vlan1000-port,${MAC}` +
        ` -netdev socket,id=vlan10-socket,listen=:7010 -net nic,netdev=vlan10-socket,${MAC}`,
      joins: [],
    },
  ],
  'a line that names nothing but NICs joins the default switch with them': [
    {
      typed: '-net nic,model=rtl8139,vlan=1,macaddr=52:54:00:12:34:56',
      becomes: `${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,model=rtl8139,macaddr=52:54:00:12:34:56`,
      joins: [DEFAULT],
    },
    {
      typed: '-net nic,vlan=3 -net nic,vlan=2', // old QEMU kept vlans apart
      becomes:
        `-netdev hubport,id=vlan3-port,hubid=1 -net nic,netdev=vlan3-port,${MAC}` +
        ` ${DGRAM('vlan2-vde')} -net nic,netdev=vlan2-vde,${MAC}`,
      joins: [DEFAULT],
    },
    {
      typed: '-device virtio-net-pci,id=net0 -device virtio-rng-pci',
      becomes: `${DGRAM('vlan0-vde')} -device virtio-net-pci,netdev=vlan0-vde,id=net0,mac=52:54:00:aa:bb:cc -device virtio-rng-pci`,
      joins: [DEFAULT],
    },
    {
      typed: '-hda a-help', // the name of a file, not a request for help
      becomes: `-hda a-help ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
      joins: [DEFAULT],
    },
    {
      typed: '-net dump,file=x -net nic,vlan=1',
      becomes:
        '-netdev hubport,id=vlan0-port,hubid=1 -object filter-dump,id=vlan0-dump,netdev=vlan0-port,file=x' +
        ` ${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,${MAC}`,
      joins: [DEFAULT],
    },
  ],
  '-net dump': [
    {
      typed: '-net nic,vlan=0,model=e1000 -net vde,vlan=0,sock=/s -net dump,vlan=0,file=/t/x,,y.pcap,len=96',
      becomes:
        `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=e1000,${MAC}` +
        ' -object filter-dump,id=vlan0-dump,netdev=vlan0-vde,file=/t/x,,y.pcap,maxlen=96',
      joins: at('/s'),
    },
    {
      typed: '-net nic -net user -net dump,len=64k -net dump,name=second,file=b',
      becomes:
        `-netdev user,id=vlan0-user -net nic,netdev=vlan0-user,${MAC}` +
        ' -object filter-dump,id=vlan0-dump,netdev=vlan0-user,file=qemu-vlan0.pcap,maxlen=65536' +
        ' -object filter-dump,id=vlan0-dump2,netdev=vlan0-user,file=b',
      joins: [],
    },
    {
      typed: '-net nic,vlan=3 -net nic,vlan=3 -net dump,vlan=3 -net user,vlan=4',
      becomes:
        `-netdev hubport,id=vlan3-port,hubid=1 -net nic,netdev=vlan3-port,${MAC}` +
        ` -netdev hubport,id=vlan3-port2,hubid=1 -net nic,netdev=vlan3-port2,${MAC}` +
        ' -object filter-dump,id=vlan3-dump,netdev=vlan3-port2,file=qemu-vlan3.pcap -netdev user,id=vlan4-user',
    },
    {
      typed: '-net nic -net tap,vhost=on,ifname=t -net dump,file=x', // QEMU captures nothing that vhost moves
      becomes:
        `-netdev tap,id=vlan0-tap,vhost=on,ifname=t ${hubbed('vlan0-tap', 'vlan0-port')}` +
        ` -netdev hubport,id=vlan0-port2,hubid=1 -net nic,netdev=vlan0-port2,${MAC}` +
        ' -object filter-dump,id=vlan0-dump,netdev=vlan0-port2,file=x',
    },
    {
      typed: '-net nic -net tap,vhost=on,ifname=t',
      becomes: `-netdev tap,id=vlan0-tap,vhost=on,ifname=t -net nic,netdev=vlan0-tap,${MAC}`,
    },
    {
      typed: '-net tap,vhost=on,ifname=t -net dump,file=x',
      becomes: '-netdev tap,id=vlan0-tap,vhost=on,ifname=t -object filter-dump,id=vlan0-dump,netdev=vlan0-tap,file=x',
    },
    ...[
      ['0', '1'],
      ['1M', '1048576'],
      ['5G', '4294967295'],
      ['7b', '7'],
    ].map(([len, maxlen]) => ({
      typed: `-net user -net dump,len=${len}`,
      becomes: `-netdev user,id=vlan0-user -object filter-dump,id=vlan0-dump,netdev=vlan0-user,file=qemu-vlan0.pcap,maxlen=${maxlen}`,
    })),
  ],
  'NICs written as -device and -usbdevice': [
    {
      typed:
        '-device virtio-net-pci,vlan=0,id=net0,mac=52:54:00:f0:b2:8b,bus=pci.0,addr=0x4 -net tap,fd=40,vlan=0,name=hostnet0',
      becomes:
        '-netdev tap,id=hostnet0,fd=40 -device virtio-net-pci,netdev=hostnet0,id=net0,mac=52:54:00:f0:b2:8b,bus=pci.0,addr=0x4',
      joins: [],
    },
    {
      typed: '-device e1000,vlan=1 -net vde,vlan=1,sock=/a',
      becomes: `${DGRAM('vlan1-vde')} -device e1000,netdev=vlan1-vde,mac=52:54:00:aa:bb:cc`,
      joins: at('/a'),
    },
    {
      typed: '-device driver=rtl8139,vlan=0 -net nic,vlan=0 -net user,vlan=0',
      becomes:
        `-netdev user,id=vlan0-user ${hubbed('vlan0-user', 'vlan0-port')}` +
        ' -netdev hubport,id=vlan0-port2,hubid=1 -device rtl8139,netdev=vlan0-port2,mac=52:54:00:aa:bb:cc' +
        ` -netdev hubport,id=vlan0-port3,hubid=1 -net nic,netdev=vlan0-port3,${MAC}`,
    },
    {
      typed: '-usbdevice tablet -usbdevice net:vlan=0,macaddr=52:54:00:00:00:09,name=u0,model=usb -net user,vlan=0',
      becomes:
        '-usbdevice tablet -netdev user,id=vlan0-user -usb -device usb-net,netdev=vlan0-user,mac=52:54:00:00:00:09,id=u0',
      joins: [],
    },
    {
      typed: '-usbdevice net -net user',
      becomes: '-netdev user,id=vlan0-user -usb -device usb-net,netdev=vlan0-user,mac=52:54:00:aa:bb:cc',
    },
    {
      typed: '-usbdevice disk:/srv/net -usbdevice net:vlan=0,addr=3,vectors=2 -net user,vlan=0',
      becomes:
        '-usbdevice disk:/srv/net -netdev user,id=vlan0-user' +
        ' -usb -device usb-net,netdev=vlan0-user,mac=52:54:00:aa:bb:cc',
    },
    {
      typed: '-device other,vlan=0 -net user,vlan=0', // vlan= makes any driver count as a NIC
      becomes: '-netdev user,id=vlan0-user -device other,netdev=vlan0-user,mac=52:54:00:aa:bb:cc',
    },
    {
      typed: '-net nic,model=pcnet -device e1000', // a -device without vlan=, beside another NIC, was on no vlan
      sock: '/s',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=pcnet,${MAC} -device e1000`,
    },
    {
      typed: '-nic user -device e1000',
      sock: '/s',
      becomes: `-nic user -device e1000 ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
    {
      typed: '-device e1000,vlan=0,id=vlan0-tap -net tap,vlan=0,ifname=t', // devices have IDs of their own
      becomes: '-netdev tap,id=vlan0-tap,ifname=t -device e1000,netdev=vlan0-tap,id=vlan0-tap,mac=52:54:00:aa:bb:cc',
    },
    {
      typed: '-netdev user,id=u -device e1000,netdev=u,vlan=0 -device e1000 -net nic,netdev=u,vlan=0,name=n',
      becomes: '-netdev user,id=u -device e1000,netdev=u -device e1000 -net nic,netdev=u,id=n',
    },
    {
      typed: '-device {"driver":"e1000","id":"n"} -device virtio-blk-pci,drive=d',
      becomes: `-device {"driver":"e1000","id":"n"} -device virtio-blk-pci,drive=d ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
  ],
  'vlan= and name= where they say nothing': [
    { typed: '-net none,vlan=0', becomes: '-net none', joins: [] },
    {
      typed: '-net nic,id=2nd,name=ext/eth0 -net user,name=1st', // names that are not IDs of today's QEMU
      becomes: `-netdev user,id=vlan0-user -net nic,netdev=vlan0-user,${MAC}`,
    },
    {
      typed: '-net nic,name=lan -net user,name=lan -net vde,vlan=1,name=lan', // a name that is in use as an ID
      becomes:
        `-netdev user,id=lan -net nic,netdev=lan,${MAC} ` + `${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,${MAC}`,
    },
    {
      typed: '-netdev user,id=u -net nic,netdev=u,name=n -device e1000,netdev=u,name=n -net type=nic,netdev=u',
      becomes: '-netdev user,id=u -net nic,netdev=u,id=n -device e1000,netdev=u,name=n -net type=nic,netdev=u',
    },
    {
      typed: '-net vde,sock=/a,name=net0 -net nic,name=net1',
      becomes: `${DGRAM('net0')} -net nic,netdev=net0,id=net1,${MAC}`,
    },
  ],
  'options of user-mode networks': [
    {
      typed: '-redir tcp:2222::22 -hda x -redir udp:53:10.0.2.16:53',
      becomes: '-hda x -net nic -net user,hostfwd=tcp::2222-:22,hostfwd=udp::53-10.0.2.16:53',
      joins: [],
    },
    {
      typed: '-net nic,vlan=1 -net user,vlan=1,hostname=John -smb /share -tftp /t -bootp /pxe.0 -redir :1::2',
      becomes:
        '-netdev user,id=vlan1-user,hostname=John,smb=/share,tftp=/t,bootfile=/pxe.0,hostfwd=tcp::1-:2' +
        ` -net nic,netdev=vlan1-user,${MAC}`,
    },
    {
      typed: '-tftp /a -netdev user,id=u,tftp=/b -device e1000,netdev=u',
      becomes: '-netdev user,id=u,tftp=/b -device e1000,netdev=u',
    },
    {
      typed: '-net nic -net user -net channel,8080:unix:/t/x,server,nowait',
      becomes: '-net nic -net user,guestfwd=tcp:10.0.2.4:8080-unix:/t/x,,server,,nowait',
    },
    {
      typed: '-net user,hostfwd=tcp::1-:1,guestfwd=g -net nic -redir tcp:2::2 -net channel,3:null', // forwards add up
      becomes: '-net user,hostfwd=tcp::1-:1,guestfwd=g,hostfwd=tcp::2-:2,guestfwd=tcp:10.0.2.4:3-null -net nic',
    },
    {
      typed: '-device e1000 -redir tcp:1::2', // QEMU's default network exists beside this NIC
      sock: '/s',
      becomes:
        `-device e1000 -netdev user,id=vlan0-user,hostfwd=tcp::1-:2 ${hubbed('vlan0-user', 'vlan0-port')}` +
        ` ${DGRAM('vlan0-vde')} ${hubbed('vlan0-vde', 'vlan0-port2')}` +
        ` -netdev hubport,id=vlan0-port3,hubid=1 -net nic,netdev=vlan0-port3,${MAC}`,
    },
    { typed: '-net none -redir tcp:1::2', becomes: '-net none', joins: [] },
    {
      typed: '-netdev {"type":"user","id":"u"} -device e1000,netdev=u -redir tcp:1::2',
      becomes: '-netdev {"type":"user","id":"u"} -device e1000,netdev=u',
    },
  ],
  'more than two members of a vlan share a hub': [
    {
      typed: '-net nic,model=virtio -net user',
      sock: '/a',
      becomes:
        `-netdev user,id=vlan0-user ${hubbed('vlan0-user', 'vlan0-port')}` +
        ` ${DGRAM('vlan0-vde')} ${hubbed('vlan0-vde', 'vlan0-port2')}` +
        ` -netdev hubport,id=vlan0-port3,hubid=1 -net nic,netdev=vlan0-port3,model=virtio,${MAC}`,
    },
    {
      typed: '-net vde,vlan=3,sock=/a -net vde,vlan=3,sock=/b',
      becomes:
        `${DGRAM('vlan3-vde')} ${hubbed('vlan3-vde', 'vlan3-port')}` +
        ` ${DGRAM('vlan3-vde2', 4)} ${hubbed('vlan3-vde2', 'vlan3-port2')}` +
        ` -netdev hubport,id=vlan3-port3,hubid=1 -net nic,netdev=vlan3-port3,${MAC}`,
      joins: at('/a', '/b'),
    },
    {
      typed: '-net nic,vlan=1,model=e1000 -net nic,vlan=1,model=e1000 -net vde,sock=/a,vlan=1',
      becomes:
        `${DGRAM('vlan1-vde')} ${hubbed('vlan1-vde', 'vlan1-port')}` +
        ` -netdev hubport,id=vlan1-port2,hubid=1 -net nic,netdev=vlan1-port2,model=e1000,${MAC}` +
        ` -netdev hubport,id=vlan1-port3,hubid=1 -net nic,netdev=vlan1-port3,model=e1000,${MAC}`,
    },
  ],
  'other spellings that QEMU accepts': [
    {
      typed: '-net type=nic,model=e1000 -net type=user,vlan=1 -net nic,vlan=1,model=e1000',
      sock: '/s',
      becomes:
        `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=e1000,${MAC}` +
        ` -netdev user,id=vlan1-user -net nic,netdev=vlan1-user,model=e1000,${MAC}`,
    },
    {
      typed: '-net vlan=2,type=nic,model=e1000 -net vlan=2,type=vde,sock=/a,',
      becomes: `${DGRAM('vlan2-vde')} -net nic,netdev=vlan2-vde,model=e1000,${MAC}`,
      joins: at('/a'),
    },
    {
      typed: '-net nic,model=virtio,',
      sock: '/s',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=virtio,${MAC}`,
    },
    {
      typed: '-net tap,vlan=1,ifname=a,,, -net nic,vlan=1,model=e1000 -net user,vlan=2,norestrict',
      sock: '/s',
      becomes:
        `-netdev tap,id=vlan1-tap,ifname=a,, -net nic,netdev=vlan1-tap,model=e1000,${MAC}` +
        ` -netdev user,id=vlan2-user,restrict=off ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
    {
      typed: '-netdev type=vde,id=n0,sock=/a -nic type=vde,sock=/b,model=e1000',
      facts: WITHOUT_VDE,
      becomes: `${DGRAM('n0')} ${DGRAM('vlan0-vde', 4)} -net nic,netdev=vlan0-vde,model=e1000,${MAC}`,
      joins: at('/a', '/b'),
    },
    ...['vlan=1', 'model=e1000,vlan=1', 'hubport,hubid=3', 'help', '?'].map((other) => ({
      typed: `-net ${other}`, // left to QEMU, which reports errors and answers questions
      sock: '/s',
      becomes: `-net ${other} ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    })),
    {
      typed: '-net tap,id=t,ifname=a -net nic,vlan=0',
      becomes: `-netdev tap,id=t,ifname=a -net nic,netdev=t,${MAC}`,
    },
  ],
  'settings of a NIC are passed on to QEMU': ['virtio', 'ne2k_isa', 'lance', 'no-such'].map((model) => ({
    typed: `-net nic,macaddr=52:54:0:0:0:1,model=${model},vectors=2,addr=5`,
    sock: '/s',
    becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,macaddr=52:54:0:0:0:1,model=${model},vectors=2,addr=5`,
  })),
  'ids and hubs already in use': [
    {
      typed: '-netdev hubport,id=h,hubid=2 -device e1000,netdev=h -net nic,vlan=1,model=pcnet -net nic,model=tulip',
      sock: '/a',
      becomes:
        '-netdev hubport,id=h,hubid=2 -device e1000,netdev=h' +
        ` -netdev hubport,id=vlan1-port,hubid=1 -net nic,netdev=vlan1-port,model=pcnet,${MAC}` +
        ` ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=tulip,${MAC}`,
    },
    {
      typed: '-nic hubport,hubid=0x10 -netdev {"type":"hubport","id":"h","hubid":7} -net nic,vlan=1',
      sock: '/a',
      becomes:
        '-nic hubport,hubid=0x10 -netdev {"type":"hubport","id":"h","hubid":7}' +
        ` -netdev hubport,id=vlan1-port,hubid=1 -net nic,netdev=vlan1-port,${MAC}` +
        ` ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
    {
      typed:
        '-netdev hubport,id=h,hubid=2147483647 -netdev hubport,id=i,hubid=1 -net nic,vlan=1 -net nic,vlan=4294967295',
      sock: '/a',
      becomes:
        '-netdev hubport,id=h,hubid=2147483647 -netdev hubport,id=i,hubid=1' +
        ` -netdev hubport,id=vlan1-port,hubid=2 -net nic,netdev=vlan1-port,${MAC}` +
        ` -netdev hubport,id=vlan4294967295-port,hubid=3 -net nic,netdev=vlan4294967295-port,${MAC}` +
        ` ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
    {
      typed: '-netdev hubport,id=h,hubid=x -net nic,vlan=1', // left to QEMU, which reports the error
      sock: '/a',
      becomes:
        '-netdev hubport,id=h,hubid=x' +
        ` -netdev hubport,id=vlan1-port,hubid=1 -net nic,netdev=vlan1-port,${MAC}` +
        ` ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
    {
      typed: '-net nic,model=e1000 -netdev user,id=vlan0-vde -device e1000,netdev=vlan0-vde',
      sock: '/a',
      becomes:
        `${DGRAM('vlan0-vde2')} -net nic,netdev=vlan0-vde2,model=e1000,${MAC}` +
        ' -netdev user,id=vlan0-vde -device e1000,netdev=vlan0-vde',
    },
  ],
  'names in use are not given again': [
    {
      typed: '-net tap,ifname=a -net user,vlan=1,name=vlan0-tap',
      becomes: '-netdev tap,id=vlan0-tap2,ifname=a -netdev user,id=vlan0-tap',
    },
  ],
  'vlan 0 is hub 0 if hub 0 is in use': [
    {
      typed: '-netdev user,id=u -netdev hubport,id=h,hubid=0,netdev=u -net vde', // hub 0 has no NIC yet
      becomes:
        '-netdev user,id=u -netdev hubport,id=h,hubid=0,netdev=u' +
        ` ${DGRAM('vlan0-vde')} ${hubbed('vlan0-vde', 'vlan0-port', 0)}` +
        ` -netdev hubport,id=vlan0-port2,hubid=0 -net nic,netdev=vlan0-port2,${MAC}`,
    },
    {
      typed: '-netdev user,id=u -netdev hubport,id=h,hubid=0,netdev=u -net nic',
      sock: '/a',
      becomes:
        '-netdev user,id=u -netdev hubport,id=h,hubid=0,netdev=u' +
        ` ${DGRAM('vlan0-vde')} ${hubbed('vlan0-vde', 'vlan0-port', 0)}` +
        ` -netdev hubport,id=vlan0-port2,hubid=0 -net nic,netdev=vlan0-port2,${MAC}`,
    },
    {
      typed: '-netdev hubport,id=h,hubid=0 -device e1000,netdev=h',
      sock: '/a,/b',
      becomes:
        '-netdev hubport,id=h,hubid=0 -device e1000,netdev=h' +
        ` ${DGRAM('vlan0-vde')} ${hubbed('vlan0-vde', 'vlan0-port', 0)}` +
        ` ${DGRAM('vlan1-vde', 4)} -net nic,netdev=vlan1-vde,${MAC}`,
    },
    {
      typed: '-netdev hubport,id=h,hubid=0 -device e1000,netdev=h -net socket,vlan=0,listen=:1 -net vde,vlan=1',
      becomes:
        '-netdev hubport,id=h,hubid=0 -device e1000,netdev=h' +
        ` -netdev socket,id=vlan0-socket,listen=:1 ${hubbed('vlan0-socket', 'vlan0-port', 0)}` +
        ` ${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,${MAC}`,
    },
  ],
  'current spellings, which stay unchanged': [
    {
      typed: '-netdev vde,id=n0,sock=/a -device virtio-net-pci,netdev=n0',
      becomes: '-netdev vde,id=n0,sock=/a -device virtio-net-pci,netdev=n0',
      joins: [],
    },
    { typed: '-nic vde,sock=/a,model=e1000', becomes: '-nic vde,sock=/a,model=e1000', joins: [] },
    {
      typed: '-netdev {"type":"vde","id":"n0","sock":"/a"} -net nic,netdev=n0',
      becomes: '-netdev {"type":"vde","id":"n0","sock":"/a"} -net nic,netdev=n0',
      joins: [],
    },
    {
      typed: '-netdev user,id=u -device e1000,netdev=u -net none',
      sock: '/s',
      becomes: `-netdev user,id=u -device e1000,netdev=u -net none ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
    {
      typed: '-netdev vde,id=n0,sock=/s -device e1000,netdev=n0', // these are on no vlan
      sock: '/s',
      becomes: `-netdev vde,id=n0,sock=/s -device e1000,netdev=n0 ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
      joins: at('/s'),
    },
    {
      typed: '-net vde,vlan=1,sock=/a -net nic -net user',
      becomes: `${DGRAM('vlan1-vde')} -net nic,netdev=vlan1-vde,${MAC} -net nic -net user`,
    },
    {
      typed: '-netdev {bad -append x',
      sock: '/s',
      becomes: `-netdev {bad -append x ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
    },
    { typed: '-net', sock: '/s', becomes: `-net ${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}` },
  ],
  '--via': [
    {
      typed: '-net nic,model=virtio',
      sock: '/s',
      via: 'dgram',
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=virtio,${MAC}`,
    },
    {
      typed: '-net nic,model=e1000',
      sock: '/s',
      via: 'dgram',
      facts: QEMU_6,
      becomes: `-netdev socket,id=vlan0-vde,fd=3 -net nic,netdev=vlan0-vde,model=e1000,${MAC}`,
    },
    {
      typed: '-net nic,model=e1000',
      sock: '/a,/b[7]',
      via: 'vde',
      becomes:
        `-netdev vde,id=vlan0-vde,sock=/a -net nic,netdev=vlan0-vde,model=e1000,${MAC}` +
        ` -netdev vde,id=vlan1-vde,sock=/b,port=7 -net nic,netdev=vlan1-vde,${MAC}`,
      joins: [],
      opens: ['/a/ctl', '/b/ctl'],
    },
    {
      typed: '-net nic,vlan=1,model=e1000 -net vde,vlan=1,sock=/a,,b,port=3,group=kvm,mode=0660',
      via: 'vde',
      becomes: `-netdev vde,id=vlan1-vde,sock=/a,,b,port=3,group=kvm,mode=0660 -net nic,netdev=vlan1-vde,model=e1000,${MAC}`,
      opens: ['/a,b/ctl'],
    },
    {
      typed: '-net nic,model=e1000',
      sock: '/s.sock,/t.sock',
      via: 'stream',
      becomes:
        `-netdev stream,id=vlan0-vde,server=off,addr.type=unix,addr.path=/s.sock -net nic,netdev=vlan0-vde,model=e1000,${MAC}` +
        ` -netdev stream,id=vlan1-vde,server=off,addr.type=unix,addr.path=/t.sock -net nic,netdev=vlan1-vde,${MAC}`,
      joins: [],
      opens: ['/s.sock', '/t.sock'],
    },
    ...(
      [
        [[8, 0], ',reconnect=1'],
        [[9, 1], ',reconnect=1'],
        [[9, 2], ',reconnect-ms=1000'],
        [[10, 0], ',reconnect-ms=1000'],
      ] as const
    ).map(([version, reconnect]) => ({
      typed: `-net nic,model=e1000 -name ${version.join('.')}`,
      sock: '/s',
      via: 'stream' as const,
      facts: { ...QEMU_7, version: () => version },
      becomes:
        `-netdev stream,id=vlan0-vde,server=off,addr.type=unix,addr.path=/s${reconnect}` +
        ` -net nic,netdev=vlan0-vde,model=e1000,${MAC} -name ${version.join('.')}`,
      opens: ['/s'],
    })),
  ],
  'current spellings for a QEMU without VDE': [
    {
      typed: '-netdev vde,id=n0,sock=/a,port=2 -device virtio-net-pci,netdev=n0',
      facts: WITHOUT_VDE,
      becomes: `${DGRAM('n0')} -device virtio-net-pci,netdev=n0`,
      joins: [{ directory: '/a', port: 2 }],
    },
    {
      typed: '-netdev {"type":"vde","id":"n0","sock":"/a","port":2} -device e1000,netdev=n0',
      facts: WITHOUT_VDE,
      becomes: `${DGRAM('n0')} -device e1000,netdev=n0`,
      joins: [{ directory: '/a', port: 2 }],
    },
    {
      typed: '-nic vde,id=n1,sock=/a,model=e1000,mac=52:54:00:00:00:02',
      facts: WITHOUT_VDE,
      becomes: `${DGRAM('n1')} -net nic,netdev=n1,model=e1000,macaddr=52:54:00:00:00:02`,
      joins: at('/a'),
    },
    {
      typed: '-nic vde,sock=/a,port=7,group=g,mode=0600,model=e1000',
      facts: WITHOUT_VDE,
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,model=e1000,${MAC}`,
      joins: [{ directory: '/a', port: 7, group: 'g', mode: 0o600 }],
    },
    {
      typed: '-netdev user,id=u -device e1000,netdev=u',
      facts: WITHOUT_VDE,
      becomes: '-netdev user,id=u -device e1000,netdev=u',
      joins: [],
    },
    {
      typed: '-nic vde',
      facts: WITHOUT_VDE,
      becomes: `${DGRAM('vlan0-vde')} -net nic,netdev=vlan0-vde,${MAC}`,
      joins: [DEFAULT],
    },
  ],
};

const words = (line: string) => line.split(' ').filter((word) => word !== '');
const targets = (sock?: string) => sock?.split(',').map(parseTarget) ?? [];

describe.each(Object.entries(rows))('%s', (_, some) => {
  test.each(some)('planQemu rewrites `$typed`', ({ typed, sock, via, facts = QEMU_7, becomes, joins, opens }) => {
    const plan = planQemu(words(typed), { sockets: targets(sock), via }, facts);
    expect(plan.arguments(plan.joins.map((_, i) => 3 + i)).join(' ')).toBe(becomes);
    if (joins) expect(plan.joins).toEqual(joins);
    expect(plan.opened).toEqual(opens ?? []);
  });
});

test('an argument of QEMU with blanks or commas, or an empty one, stays unchanged', () => {
  const args = ['-append', 'console=ttyS0 quiet', '-name', '', '-drive', 'file=a,,b', '-net', '', '-device', ''];
  expect(
    planQemu(args, { sockets: [{ directory: '/s' }] }, QEMU_7)
      .arguments([3])
      .slice(0, 10),
  ).toEqual(args);
});

test('the MAC chosen for a NIC without macaddr= is noted', () => {
  expect(planQemu(['-net', 'nic'], { sockets: [{ directory: '/s' }] }, QEMU_7).notes).toEqual([
    "a NIC without macaddr= was given 52:54:00:aa:bb:cc: QEMU's own choice is the same for every guest",
  ]);
  expect(planQemu(['-net', 'nic,macaddr=52:54:00:00:00:01'], { sockets: [{ directory: '/s' }] }, QEMU_7).notes).toEqual(
    [],
  );
});

test.each([
  ['-net vde,soc=/a', "-net vde has no setting 'soc': it knows vlan, sock, port, group, mode, id, name"],
  ['-net vde,sock=/a,port=x', 'port=x is not a number'],
  ['-net nic,vlan=one', 'vlan=one is not a number'],
  ['-net vde,sock=/a,mode=0888', 'mode=0888 is not a number'],
  ['-device e1000,vlan=x', 'vlan=x is not a number'],
  ['-net dump,len=many', 'len=many is not a size'],
  ['-net dump,len=x64', 'len=x64 is not a size'],
  ['-net dump,len=64kb', 'len=64kb is not a size'],
  ['-redir tcp:5555', '-redir tcp:5555 is invalid: write [tcp|udp]:HOSTPORT:[GUEST]:GUESTPORT'],
  ['-net channel,x', '-net channel,x is invalid: write PORT:DEVICE'],
])('%s is refused', (typed, message) => {
  expect(() => planQemu(words(typed), { sockets: [] }, QEMU_7)).toThrow(
    expect.objectContaining({ code: 'EINVAL', message }),
  );
});

test('a setting that -net vde never had is reported and ignored where that is tolerated', () => {
  const reported: string[] = [];
  const tolerate = (message: string) => reported.push(message);
  const plan = planQemu(words('-net vde,soc=/a,port=2,sock=/b'), { sockets: [], tolerate }, QEMU_7);
  expect(reported).toEqual(["-net vde has no setting 'soc': it knows vlan, sock, port, group, mode, id, name"]);
  expect(plan.joins).toEqual([{ directory: '/b', port: 2 }]);
});

test('a setting of a NIC that is written on a backend is left out and noted', () => {
  const line = '-net nic,vlan=1 -net tap,vlan=1,macaddr=52:54:00:12:34:56,ifname=tap0,script=no,model=e1000';
  const plan = planQemu(words(line), { sockets: [] }, QEMU_7);
  expect(plan.arguments([]).join(' ')).toBe(
    `-netdev tap,id=vlan1-tap,ifname=tap0,script=no -net nic,netdev=vlan1-tap,${MAC}`,
  );
  expect(plan.notes.slice(0, 2)).toEqual([
    "macaddr= is left out of '-net tap': it is a setting of '-net nic'",
    "model= is left out of '-net tap': it is a setting of '-net nic'",
  ]);
});

test('an option of a user-mode network is noted if the line has no such network', () => {
  expect(planQemu(words('-net none -redir tcp:1::2 -net channel,1:null'), { sockets: [] }, QEMU_7).notes).toEqual([
    "'-redir tcp:1::2' is left out: the command line has no user-mode network",
    "'-net channel,1:null' is left out: the command line has no user-mode network",
  ]);
  expect(planQemu(words('-net nic -net user -redir tcp:1::2'), { sockets: [] }, QEMU_7).notes).toEqual([]);
});

test.each([
  ['-net nic', '', "joins the switch '/var/run/vde.ctl', since the command line names no network"],
  ['-net nic', '/a,/b[7]', "joins the switch '/a' and '/b[7]'"],
  ['-net nic -net user', '', 'joins no switch: the command line has its own network'],
  ['-net none', '', 'joins no switch: the command line has its own network'],
  ['-version', '', 'joins no switch: QEMU prints what was asked and starts no guest'],
  ['-nic vde,sock=/a', '', 'joins no switch: QEMU connects to it by itself'],
])('the decision about `%s` with -vdesock `%s` is told', (typed, sock, decision) => {
  expect(planQemu(words(typed), { sockets: sock === '' ? [] : targets(sock) }, QEMU_7).decision).toBe(decision);
});

test('NICs are numbered in the order of the command line, and the addresses in it are reserved first', () => {
  const calls: unknown[] = [];
  const facts: Facts = {
    ...QEMU_7,
    newMac: (nic) => {
      calls.push(nic);
      return `52:54:00:00:00:0${nic}`;
    },
    useMac: (mac) => calls.push(mac),
  };
  planQemu(
    words(
      '-net nic -net nic,macaddr=52:54:00:00:01:00 -device e1000,vlan=0 -net vde -device e1000,vlan=0,mac=2:0:0:0:0:1',
    ),
    { sockets: [] },
    facts,
  );
  expect(calls).toEqual(['52:54:00:00:01:00', '2:0:0:0:0:1', 0, 2]);
  calls.length = 0;
  planQemu(words('-netdev user,id=u -device e1000,netdev=u,mac=2:0:0:0:0:2 -net nic,vlan=1'), { sockets: [] }, facts);
  expect(calls).toEqual(['2:0:0:0:0:2', 0]);
});

test('--via vde passes the mode of the socket to QEMU', () => {
  const plan = planQemu(
    words('-net vde,sock=/a -net vde,vlan=1,sock=/b,mode=0600'),
    { sockets: [], via: 'vde', mode: 0o770 },
    QEMU_7,
  );
  expect(plan.arguments([]).filter((word) => word.startsWith('vde,'))).toEqual([
    'vde,id=vlan0-vde,sock=/a,mode=0770',
    'vde,id=vlan1-vde,sock=/b,mode=0600',
  ]);
});

test.each([
  [
    'vde',
    WITHOUT_VDE,
    '/s',
    'ENOSYS',
    "this QEMU was built without its backend 'vde': remove --via, or use --via dgram",
  ],
  ['stream', QEMU_6, '/s', 'ENOSYS', "this QEMU has no backend 'stream', which 7.2 and newer have: remove --via"],
  ['stream', QEMU_7, '/s[3]', 'EINVAL', "'/s' is a stream socket, which has no port 3 to choose"],
] as const)('--via %s is refused if QEMU or the target does not support it (%#)', (via, facts, sock, code, message) => {
  expect(() => planQemu([], { sockets: targets(sock), via }, facts)).toThrow(
    expect.objectContaining({ code, message }),
  );
});
