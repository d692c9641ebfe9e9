// A real guest: Debian's kernel in QEMU, or User-mode Linux. A busybox shell runs on the guest's console, which is the
// stdin and stdout of the process.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Started, start } from './process.ts';

const HERE = fileURLToPath(new URL('./guest/', import.meta.url));
const KERNEL = /^vmlinuz-(.*-cloud-amd64)$/;

/** The needs of a guest, except for the kernel: see kernelRelease(). */
export const GUEST_NEEDS = ['root', 'qemu-system-x86_64', 'busybox', 'cpio'] as const;

/** The release of Debian's cloud kernel, which has the virtio drivers; undefined if it is not installed. */
export function kernelRelease(): string | undefined {
  return readdirSync('/boot')
    .map((name) => KERNEL.exec(name)?.[1])
    .filter((release) => release !== undefined)
    .sort()
    .at(-1);
}

/**
 * QEMU's arguments except for the network. The CPU is emulated: KVM inside a virtual machine is often slower than
 * emulation, or broken.
 */
export function guestArguments(): string[] {
  const release = kernelRelease();
  if (release === undefined)
    throw new Error('install linux-image-cloud-amd64: there is no kernel for the guests in /boot');
  return [
    ...['-accel', 'tcg', '-m', '192', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', `/boot/vmlinuz-${release}`, '-initrd', initrd(release)],
    // Without no_timer_check, the kernel panics at its start if the host is so busy that timer interrupts come late.
    ...['-append', 'console=ttyS0 panic=-1 quiet no_timer_check'],
  ];
}

/** tsvdeq's arguments for a guest, with a name if it has one, whose network card joins the switch. */
export function tsvdeqArguments(switchDirectory: string, { name, mac }: { name?: string; mac: string }): string[] {
  const named = name === undefined ? [] : ['-name', name];
  const qemu = ['qemu-system-x86_64', ...named, ...guestArguments()];
  return ['-vdesock', switchDirectory, ...qemu, '-net', `nic,model=virtio,macaddr=${mac}`];
}

/** QEMU's arguments for a guest with a network card by vhost-user; `chardev` is how QEMU reaches the switch. */
export function vhostUserArguments(chardev: string, mac: string, share: 'on' | 'off' = 'on'): string[] {
  return [
    ...guestArguments(),
    ...['-object', `memory-backend-memfd,id=ram,size=192M,share=${share}`, '-machine', 'pc,memory-backend=ram'],
    ...['-chardev', `socket,id=switch,${chardev}`, '-netdev', 'vhost-user,id=net,chardev=switch'],
    // Without vectors=0, QEMU 7.2 fails when the CPU is emulated.
    ...['-device', `virtio-net-pci,netdev=net,mac=${mac},vectors=0`],
  ];
}

/** Starts User-mode Linux. All of its processes end with the returned one. `devices` are its network interfaces. */
export function startUserModeLinux(home: string, devices: readonly string[]): Started {
  const image = initrd('user-mode-linux');
  const own = ['mem=64M', `initrd=${image}`, 'con=null', 'con0=fd:0,fd:1', `uml_dir=${home}`, 'umid=guest', 'quiet'];
  return start('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', 'linux.uml', ...own, ...devices]);
}

/** Returns the path of an initrd, which is built once for each kernel and version of the build scripts. */
function initrd(release: string): string {
  const hash = createHash('sha256').update(release);
  for (const name of ['build.sh', 'init']) hash.update(readFileSync(HERE + name));
  const directory = `${tmpdir()}/tsvde-guest`;
  const path = `${directory}/${hash.digest('hex').slice(0, 16)}.img`;
  mkdirSync(directory, { recursive: true });
  if (!existsSync(path)) execFileSync(`${HERE}build.sh`, [release, path]);
  return path;
}

/** The shell of a guest. */
export class Guest {
  readonly qemu: Started;
  #count = 0;

  private constructor(qemu: Started) {
    this.qemu = qemu;
  }

  static async booted(qemu: Started): Promise<Guest> {
    await qemu.output(/GUEST-UP/, 120_000);
    return new Guest(qemu);
  }

  /** Gives the network card an address of a /24. */
  async setAddress(address: string): Promise<void> {
    await this.run(`ip addr add ${address}/24 dev eth0 && ip link set eth0 up`);
  }

  /** Runs a line of shell and returns its output. Throws if the line fails. */
  async run(line: string): Promise<string> {
    const mark = `END-${++this.#count}-`;
    this.qemu.stdin.write(`${line}; echo ${mark}$?\n`);
    // The pattern matches only the mark: a pattern that matched the text before the mark, too, would take minutes on a
    // long output.
    const { 1: code, index = 0, input = '' } = await this.qemu.output(new RegExp(`${mark}(\\d+)`), 60_000);
    const own = input.slice(Math.max(0, input.lastIndexOf(`END-${this.#count - 1}-`, index)), index);
    if (code !== '0') throw new Error(`'${line}' failed in the guest with ${code}: ${own}`);
    return own;
  }
}
