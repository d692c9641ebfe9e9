// The addresses that tsvdeq gives to NICs: the same at each start of a guest, different between guests, and each held
// by only one process at a time.
import { createHash } from 'node:crypto';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Addresses, type AddressOptions } from '../../src/qemu/addresses.ts';
import { guestIdentity, guestName } from '../../src/qemu/identity.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { endPid, run, type Started, start, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const words = (line: string) => line.split(' ').filter((word) => word !== '');
const MAC = /^52:54:00(:[0-9a-f]{2}){3}$/;

describe('what names a guest', () => {
  const home = temporaryDirectory();
  writeFileSync(`${home}/disk`, '');
  symlinkSync('disk', `${home}/link`);
  const identity = (line: string) => guestIdentity('qemu', words(line.replaceAll('HOME', home)));

  test.each([
    ['-name web -hda a', '-m 512 -name web -hda b', 'the name'],
    ['-name web,process=p', '-name guest=web -hda b', 'the name in both of its forms'],
    ['-uuid 0D60641A-67c1-4d83-a914-4118219bfea1', '-uuid 0d60641a-67c1-4d83-a914-4118219bfea1 -hda b', 'the UUID'],
    ['-hda HOME/disk -m 5', '-m 6 -drive if=virtio,file=HOME/link -net nic', 'the file of the first disk'],
    ['HOME/disk -snapshot', '-blockdev driver=file,node-name=d,filename=HOME/disk', 'a disk without an option'],
    [
      '-drive if=pflash,file=/fw -drive media=cdrom,file=/cd -hda HOME/disk',
      '-hda HOME/disk',
      'a disk and not firmware',
    ],
    ['-drive file=/ro,readonly=on -hda HOME/disk', '-hda HOME/disk', 'a disk that is not shared'],
    ['-hda nbd:host:1', '-hda nbd:host:1 -m 7', 'a disk that is not a file'],
    [
      '-blockdev {"driver":"raw","node-name":"f","file":{"driver":"file","filename":"HOME/disk"}}',
      '-drive file.driver=file,file.filename=HOME/disk',
      'a disk written in JSON',
    ],
    ['-blockdev file,filename=/fw,node-name=pflash0 -hda HOME/disk', '-hda HOME/disk', 'no firmware as a node'],
    ['-kernel k -append x', '-kernel k -append x', 'all arguments'],
  ])('`%s` and `%s` are one guest: %s', (one, same) => {
    expect(identity(one)).toEqual(identity(same));
  });

  test.each([
    ['-name web -hda a', '-name db -hda a'],
    ['-name web -uuid 1', '-name web -uuid 2'],
    ['-name a', '-uuid a'],
    ['-name a', '-hda a'],
    ['-hda a', '-hda b'],
    ['-hda a -hdb c', '-hda b -hdb c'],
    ['-drive if=pflash,file=/fw -hda a', '-drive if=pflash,file=/fw -hda b'],
    ['-kernel k -pidfile 1', '-kernel k -pidfile 2'],
    ['-cdrom live -m 1', '-cdrom live -m 2'],
  ])('`%s` and `%s` are different guests', (one, other) => {
    expect(identity(one)).not.toEqual(identity(other));
  });

  test.each([
    ['-name web', 'web'],
    ['--name a -name guest=b,debug-threads=on', 'b'],
    ['-name process=p', undefined],
    ['-name', undefined],
    ['-m 5', undefined],
  ])('the name of `%s` is %s', (line, name) => {
    expect(guestName(words(line))).toBe(name);
  });
});

describe('a series of addresses', () => {
  const options = (more: Partial<AddressOptions> = {}): AddressOptions => ({
    identity: ['name', `addresses ${process.pid}`],
    hold: false,
    machine: 'm',
    uid: 1,
    ...more,
  });
  const first = (more?: Partial<AddressOptions>, nic = 0) => new Addresses(options(more)).next(nic);

  test('depends on the guest, the NIC, the user and the machine, and on nothing else', () => {
    const mac = first();
    expect(mac).toMatch(MAC);
    expect(first()).toBe(mac);
    const others = [first({}, 1), first({ identity: ['name', 'x'] }), first({ machine: 'n' }), first({ uid: 2 })];
    expect(new Set([mac, ...others]).size).toBe(5);
  });

  test('has no address that the command line has, however it is written, nor one that it gave before', () => {
    const mac = first();
    const addresses = new Addresses(options());
    addresses.use(mac.toUpperCase());
    addresses.use('not an address');
    const second = addresses.next(0);
    expect(second).not.toBe(mac);
    expect([mac, second]).not.toContain(addresses.next(0));
  });

  test('leaves out the addresses that QEMU gives by itself', () => {
    // Finds a NIC whose series would begin with an address that QEMU gives by itself.
    const identity = ['tried'];
    const found = Array.from({ length: 400_000 }, (_, nic) => nic).find((nic) =>
      rawAddress(['m', 1, ...identity, nic, 0]).startsWith('52:54:00:12:34:'),
    );
    expect(found).toBeDefined();
    expect(first({ identity }, found)).toBe(rawAddress(['m', 1, ...identity, found, 1]));
  });

  test('skips an address while another guest holds it', () => {
    const mac = first();
    const holder = native.listenUnix(`\0tsvde-mac-${mac}`);
    const open = new Addresses(options({ hold: true }));
    atEnd(() => release(open));
    expect(open.next(0)).not.toBe(mac);
    native.closeDescriptor(holder);
    const later = new Addresses(options({ hold: true }));
    atEnd(() => release(later));
    expect(later.next(0)).toBe(mac);
    expect(first()).toBe(mac); // without `hold`, addresses are neither held nor checked
  });
});

function release({ descriptors }: Addresses): void {
  for (const fd of descriptors) native.closeDescriptor(fd);
}

function rawAddress(seed: readonly unknown[]): string {
  const hash = createHash('sha256').update(JSON.stringify(seed)).digest('hex');
  return `52:54:00:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hash.slice(4, 6)}`;
}

describeWith(['qemu-system-x86_64'], 'addresses of guests that run', () => {
  const MACHINE = ['-accel', 'tcg', '-nodefaults', '-display', 'none', '-S', '-m', '64'];

  async function guests() {
    const { directory, sw } = await network();
    const disk = `${temporaryDirectory()}/disk.img`;
    writeFileSync(disk, Buffer.alloc(1 << 20));
    const args = [...MACHINE, '-monitor', 'stdio', '-drive', `file=${disk},format=raw`, '-snapshot'];
    const boot = async (...more: string[]): Promise<{ qemu: Started; mac: string }> => {
      const qemu = start(tsvdeq, ['-vdesock', directory, 'qemu-system-x86_64', ...args, '-net', 'nic', ...more]);
      await qemu.output(/\(qemu\) /);
      qemu.stdin.write('info network\n');
      const [, mac] = await qemu.output(/macaddr=(\S+)/);
      return { qemu, mac: mac! };
    };
    return { boot, directory, sw, args };
  }

  test('the same image started five times has five addresses, which are free again afterwards', async () => {
    const { boot, directory, args } = await guests();
    const five = [];
    for (let i = 0; i < 5; i++) five.push(await boot());
    expect(new Set(five.map(({ mac }) => mac)).size).toBe(5);
    for (const { mac } of five) expect(mac).toMatch(MAC);
    // --print shows the first address of the series, and holds no address.
    const shown = await run(tsvdeq, ['--print', '-vdesock', directory, 'qemu-system-x86_64', ...args, '-net', 'nic']);
    expect(shown.stdout).toContain(`macaddr=${five[0]!.mac}`);
    await five[0]!.qemu.stop('SIGKILL');
    await five[3]!.qemu.stop('SIGKILL');
    const again = [await boot(), await boot()];
    expect(again.map(({ mac }) => mac)).toEqual([five[0]!.mac, five[3]!.mac]);
    expect((await boot('-name', 'other')).mac).not.toBe(five[0]!.mac);
  }, 60_000);

  test('a guest in the background keeps its address', async () => {
    const { boot, directory, args } = await guests();
    const home = temporaryDirectory();
    const background = [
      ...args.map((word) => (word === 'stdio' ? 'none' : word)),
      '-daemonize',
      '-pidfile',
      `${home}/pid`,
    ];
    expect(
      await run(tsvdeq, ['-vdesock', directory, 'qemu-system-x86_64', ...background, '-net', 'nic']),
    ).toMatchObject({
      code: 0,
    });
    const pid = Number(readFileSync(`${home}/pid`, 'utf8'));
    atEnd(() => endPid(pid, 'SIGKILL'));
    const shown = await run(tsvdeq, ['--print', 'qemu-system-x86_64', ...background, '-net', 'nic']);
    const mac = /macaddr=(\S+)/.exec(shown.stdout)![1];
    expect(readFileSync('/proc/net/unix', 'utf8')).toContain(`@tsvde-mac-${mac}`);
    expect((await boot()).mac).not.toBe(mac);
    await endPid(pid);
    expect((await boot()).mac).toBe(mac);
  });

  test('the port has the name of -name, and shows --descr', async () => {
    const { directory, sw } = await network();
    const shows = (text: string) =>
      until(
        () =>
          sw.ports.list().some(({ endpoints }) => endpoints.some(({ description }) => description.startsWith(text))),
        () => `${text} among ${JSON.stringify(sw.ports.list())}`,
      );
    const boot = (own: string[], more: string[]) =>
      start(tsvdeq, [...own, '-vdesock', directory, 'qemu-system-x86_64', ...MACHINE, ...more]);
    const named = boot([], ['-name', 'guest=web server']);
    await shows('tsvdeq web server name=web-server user=');
    const described = boot(['--descr', 'the old mail server'], ['-name', 'x']);
    await shows('tsvdeq the old mail server name=x user=');
    const long = boot(['--descr', 'é'.repeat(200)], []);
    await shows('tsvdeq éé');
    const { description } = sw.ports
      .list()
      .flatMap(({ endpoints }) => endpoints)
      .find((one) => one.description.includes('éé'))!;
    expect(description).toMatch(new RegExp(`^tsvdeq é+ user=\\S+ pid=${long.pid}$`));
    expect(sw.ports.list().map(({ name }) => name)).toEqual(['web-server', 'x', undefined]);
    for (const qemu of [named, described, long]) await qemu.stop();
  }, 30_000);
});
