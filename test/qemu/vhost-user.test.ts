// tsvdeq --via vhost-user as tables: the arguments typed, and those that QEMU is given, or the reason for a refusal.
import { describe, expect, test } from 'vitest';
import { parseTarget } from '../../src/plug/target.ts';
import { SwitchError } from '../../src/protocol/errors.ts';
import { type PlanOptions, planQemu } from '../../src/qemu/plan.ts';
import type { Facts } from '../../src/qemu/wiring.ts';
import { memoryLines } from './vhost-lines.ts';

const QEMU_7: Facts = {
  backends: new Set(['dgram', 'vhost-user']),
  defaultTarget: { directory: '/var/run/vde.ctl' },
  version: () => [7, 2],
  readFile: () => '',
  isDirectory: (path) => path === 'DIR',
  newMac: () => '52:54:00:aa:bb:cc',
};
const QEMU_8: Facts = { ...QEMU_7, version: () => [8, 0] };
const MAC = 'macaddr=52:54:00:aa:bb:cc';
const RAM = '-object memory-backend-memfd,id=tsvde-ram,size=67108864,share=on -machine memory-backend=tsvde-ram';
const vhostUser = (id = 'vlan0-vde', path = '/s.vu') =>
  `-chardev socket,id=${id}-socket,path=${path},reconnect=1 -netdev vhost-user,id=${id},chardev=${id}-socket`;

const words = (text: string) => text.split(' ').filter((word) => word !== '');

function plan(typed: string, facts: Facts = QEMU_7, options: Partial<PlanOptions> = {}) {
  const sockets = [parseTarget('/s')];
  const vhostSocket = ({ directory }: { directory: string }) => `${directory}.vu`;
  const planned = planQemu(words(typed), { sockets, via: 'vhost-user', vhostSocket, ...options }, facts);
  return { ...planned, line: planned.arguments([3, 4]).join(' ') };
}

describe.each(Object.entries(memoryLines))('%s', (_, lines) => {
  test.each(lines)('`$typed`', ({ typed, config = '', becomes, refused }) => {
    const network = '-net nic,model=virtio,macaddr=2:0:0:0:0:1';
    const facts: Facts = {
      ...QEMU_8,
      readFile(path) {
        expect(path).toBe('FILE');
        return config;
      },
    };
    if (refused !== undefined) {
      expect(() => plan(`${typed} ${network}`, facts)).toThrow(
        expect.objectContaining({ code: 'EINVAL', message: refused }),
      );
      return;
    }
    const rewritten = plan(`${typed} ${network}`, facts).line;
    const wired = /-chardev socket,id=vlan0-vde-socket2?,\S+ -netdev \S+ -net nic,netdev=vlan0-vde,\S+ ?/;
    expect(rewritten).toMatch(wired);
    expect(rewritten.replace(wired, '').trim()).toBe(becomes);
  });
});

describe('the NIC', () => {
  test.each([
    ['-net nic,model=virtio', QEMU_7, `-net nic,netdev=vlan0-vde,model=virtio,${MAC},vectors=0`],
    ['-net nic,model=virtio', QEMU_8, `-net nic,netdev=vlan0-vde,model=virtio,${MAC}`],
    ['-net nic,model=virtio', { ...QEMU_7, version: () => undefined }, `-net nic,netdev=vlan0-vde,model=virtio,${MAC}`],
    ['-net nic,model=virtio-net-pci', QEMU_8, `-net nic,netdev=vlan0-vde,model=virtio-net-pci,${MAC}`],
    ['-net nic,model=virtio-net-device', QEMU_7, `-net nic,netdev=vlan0-vde,model=virtio-net-device,${MAC}`],
    ['-net nic', QEMU_7, `-net nic,netdev=vlan0-vde,${MAC},model=virtio,vectors=0`],
    ['', QEMU_8, `-net nic,netdev=vlan0-vde,${MAC},model=virtio`],
    [
      '-device virtio-net,vlan=0,mac=2:0:0:0:0:1',
      QEMU_7,
      '-device virtio-net,netdev=vlan0-vde,mac=2:0:0:0:0:1,vectors=0',
    ],
    ['-device virtio-net-ccw', QEMU_7, '-device virtio-net-ccw,netdev=vlan0-vde,mac=52:54:00:aa:bb:cc'],
    ['-net nic,model=virtio,vectors=4', QEMU_8, `-net nic,netdev=vlan0-vde,model=virtio,vectors=4,${MAC}`],
  ] as [string, Facts, string][])('`%s` (%#)', (typed, facts, nic) => {
    expect(plan(`-m 64 ${typed}`, facts).line).toBe(`-m 64 ${vhostUser()} ${nic} ${RAM}`);
  });

  test.each([
    ['-accel tcg', true],
    ['-enable-kvm', false],
    ['--enable-kvm', false],
    ['-accel kvm,dirty-ring-size=4096', false],
    ['-machine q35,accel=kvm', false],
    ['-machine accel=kvm:tcg', true],
    ['-accel kvm -accel tcg', true],
  ])('QEMU 7.2 with `%s`: vectors=0 is %s', (typed, without) => {
    expect(plan(`-m 64 ${typed} -net nic,model=virtio`).line.includes('vectors=0')).toBe(without);
    expect(plan(`-m 64 ${typed} -net nic,model=virtio`, QEMU_8).line).not.toContain('vectors');
  });

  test('vectors that were given are replaced with a note', () => {
    const { line, notes } = plan(`-m 64 -net nic,model=virtio,${MAC},vectors=4`);
    expect(line).toContain(`model=virtio,${MAC},vectors=0 `);
    expect(notes).toEqual(['vectors=4 is now vectors=0: with vhost-user, QEMU 7.2 crashes otherwise']);
    expect(plan(`-m 64 -net nic,model=virtio,${MAC},vectors=0`).notes).toEqual([]);
  });

  test.each([
    ['-net nic,model=e1000', 'a NIC has model=e1000'],
    ['-net nic,model=xvirtio', 'a NIC has model=xvirtio'],
    ['-net nic,model=virtio-blk', 'a NIC has model=virtio-blk'],
    ['-device e1000', 'a NIC has the driver e1000'],
    ['-device rtl8139,vlan=0', 'a NIC has the driver rtl8139'],
    ['-usbdevice net', 'a NIC has the driver usb-net'],
  ])('`%s` is refused', (typed, why) => {
    expect(() => plan(`-m 64 ${typed}`)).toThrow(
      expect.objectContaining({
        code: 'EINVAL',
        message: `vhost-user needs a virtio-net device, and ${why}: write model=virtio or -device virtio-net-pci`,
      }),
    );
  });
});

describe('the networks', () => {
  test('two NICs on two switches share one memory', () => {
    const two = { sockets: [parseTarget('/a'), parseTarget('/b')] };
    const { line, opened, joins, decision } = plan('-m 64', QEMU_8, two);
    expect(line).toBe(
      `-m 64 ${vhostUser('vlan0-vde', '/a.vu')} -net nic,netdev=vlan0-vde,${MAC},model=virtio` +
        ` ${vhostUser('vlan1-vde', '/b.vu')} -net nic,netdev=vlan1-vde,${MAC},model=virtio ${RAM}`,
    );
    expect(opened).toEqual(['/a.vu', '/b.vu']);
    expect(joins).toEqual([]);
    expect(decision).toBe("joins the switch '/a' and '/b' by vhost-user");
  });

  test('a line with no switch keeps its memory', () => {
    const { line, decision } = plan('-m 64 -net nic -net user', QEMU_7, { sockets: [] });
    expect(line).toBe('-m 64 -net nic -net user');
    expect(decision).toBe('joins no switch: the command line has its own network');
  });

  test('other networks of the line are not changed', () => {
    const { line } = plan('-m 64 -net nic,vlan=1,model=e1000 -net user,vlan=1 -net nic,vlan=0,model=virtio', QEMU_8);
    expect(line).toContain(`-netdev user,id=vlan1-user -net nic,netdev=vlan1-user,model=e1000,${MAC}`);
    expect(line).toContain('-netdev vhost-user,id=vlan0-vde');
  });

  test('-nic vde and IDs that are taken', () => {
    const typed = '-m 64 -chardev null,id=vlan0-vde-socket -chardev null,id=vlan0-vde-socket2 -nic vde,model=virtio';
    expect(plan(typed, QEMU_8, { sockets: [] }).line).toBe(
      '-m 64 -chardev null,id=vlan0-vde-socket -chardev null,id=vlan0-vde-socket2' +
        ' -chardev socket,id=vlan0-vde-socket3,path=/var/run/vde.ctl.vu,reconnect=1' +
        ` -netdev vhost-user,id=vlan0-vde,chardev=vlan0-vde-socket3 -net nic,netdev=vlan0-vde,model=virtio,${MAC} ${RAM}`,
    );
  });

  test.each([
    [[6, 2], 'reconnect=1'],
    [[9, 1], 'reconnect=1'],
    [[9, 2], 'reconnect-ms=1000'],
    [[10, 0], 'reconnect-ms=1000'],
  ] as const)('QEMU %j reconnects by %s', (version, setting) => {
    expect(plan('-m 64', { ...QEMU_7, version: () => version }).line).toContain(`path=/s.vu,${setting} `);
  });

  const members = (vlan: number) => `vhost-user connects a switch to a single NIC, and vlan ${vlan} has other members`;
  test.each<[string, Partial<PlanOptions>, Facts, string, string]>([
    ['-net nic,model=virtio -net nic,model=virtio', {}, QEMU_7, 'EINVAL', members(0)],
    ['-net nic,vlan=2,model=virtio -net user,vlan=2 -net vde,vlan=2', {}, QEMU_7, 'EINVAL', members(2)],
    ['-net nic,model=virtio -net dump', {}, QEMU_7, 'EINVAL', members(0)],
    ['-netdev hubport,id=h,hubid=0 -device virtio-net-pci,netdev=h', {}, QEMU_7, 'EINVAL', members(0)],
    [
      '-netdev vde,id=n0 -device virtio-net-pci,netdev=n0',
      { sockets: [] },
      QEMU_7,
      'EINVAL',
      "'-netdev vde,id=n0' cannot be connected by vhost-user: write -nic vde",
    ],
    [
      '',
      { sockets: [parseTarget('/s[3]')] },
      QEMU_7,
      'EINVAL',
      "'/s' is to be joined by vhost-user, which has no port 3 to choose",
    ],
    ['', { vhostSocket: undefined }, QEMU_7, 'EINVAL', "the vhost-user socket of '/s' is not known"],
    [
      '',
      {},
      { ...QEMU_7, backends: new Set(['dgram']) },
      'ENOSYS',
      "this QEMU was built without its backend 'vhost-user': remove --via",
    ],
    [
      '',
      {},
      { ...QEMU_7, version: () => [4, 2] },
      'ENOSYS',
      'QEMU 4.2 has no -machine memory-backend=, which 5.0 and newer have: use -numa node,memdev= with shared memory',
    ],
  ])('`%s` is refused (%#)', (typed, options, facts, code, message) => {
    expect(() => plan(typed, facts, options)).toThrow(expect.objectContaining({ code, message }));
  });

  test('an old QEMU that shares the memory of its nodes is accepted', () => {
    const typed = '-m 64 -object memory-backend-memfd,id=m0,size=64M -numa node,memdev=m0 -net nic,model=virtio';
    expect(plan(typed, { ...QEMU_7, version: () => [4, 2] }).line).not.toContain('-machine');
    expect(plan('-m 64', { ...QEMU_7, version: () => [5, 0] }).line).toContain('-machine');
  });
});

test('changes that a user should know of are noted', () => {
  expect(plan('-net nic').notes).toEqual([
    "a NIC without macaddr= was given 52:54:00:aa:bb:cc: QEMU's own choice is the same for every guest",
    'a NIC without model= is now a virtio-net device, which vhost-user needs',
    "the guest's memory is 128M, since the command line has no -m",
  ]);
  const typed = '-m 64 -object memory-backend-ram,id=a,size=64M -machine memory-backend=a';
  expect(plan(`${typed} -net nic,model=virtio,macaddr=2:0:0:0:0:1`).notes).toEqual([
    "the memory 'a' is now shared: -object memory-backend-memfd,id=a,size=64M,share=on",
  ]);
});

describe('--via auto', () => {
  const auto = (typed: string, options: Partial<PlanOptions> = {}) => plan(typed, QEMU_7, { via: 'auto', ...options });

  test('is vhost-user where switch and line allow it', () => {
    const { line, decision } = auto('-m 64 -net nic,model=virtio');
    expect(line).toBe(`-m 64 ${vhostUser()} -net nic,netdev=vlan0-vde,model=virtio,${MAC},vectors=0 ${RAM}`);
    expect(decision).toBe("joins the switch '/s' by vhost-user");
  });

  test.each<[string, Partial<PlanOptions>, string]>([
    [
      '-net nic',
      {},
      'vhost-user needs a virtio-net device, and a NIC has no model=: write model=virtio or -device virtio-net-pci',
    ],
    [
      '-net nic,model=virtio',
      {
        vhostSocket: () => {
          throw new SwitchError('ENOENT', 'the switch has none');
        },
      },
      'the switch has none',
    ],
    [
      '-net nic,model=virtio -object memory-backend-memfd,id=m0,size=64M,share=off -machine memory-backend=m0',
      {},
      "the memory 'm0' has share=off, and a switch cannot use private memory",
    ],
  ])('is dgram for `%s`, and the decision says why', (typed, options, why) => {
    const { line, joins, decision } = auto(`-m 64 ${typed}`, options);
    expect(line).toContain('-netdev dgram,');
    expect(line).not.toMatch(/share=on|vhost/);
    expect(joins).toEqual([{ directory: '/s' }]);
    expect(decision).toBe(`joins the switch '/s'; not by vhost-user: ${why}`);
  });

  test('asks for each address once, although it plans twice', () => {
    const asked: number[] = [];
    const newMac = (nic: number) => {
      asked.push(nic);
      return `52:54:00:00:00:0${nic}`;
    };
    const typed = '-m 64 -net nic,model=virtio -net nic,vlan=1,model=virtio -net user,vlan=1 -numa node,memdev=m0';
    const line = `${typed} -object memory-backend-memfd,id=m0,share=off`;
    expect(plan(line, { ...QEMU_7, newMac }, { via: 'auto' }).line).toMatch(/dgram.*00:00\b.*user.*00:01\b/);
    expect(asked).toEqual([0, 1]);
  });

  test('leaves a line without a switch alone, and passes on errors of the line and of the program', () => {
    expect(auto('-m 64 -net nic -net user', { sockets: [] }).decision).toBe(
      'joins no switch: the command line has its own network',
    );
    expect(() => auto('-net nic,vlan=x')).toThrow('vlan=x is not a number');
    const broken = () => {
      throw new TypeError('a bug');
    };
    expect(() => auto('-net nic,model=virtio', { vhostSocket: broken })).toThrow('a bug');
  });
});
