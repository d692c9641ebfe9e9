// A real guest: Debian's kernel and a busybox shell on its console, which is QEMU's stdin and stdout; or User-mode Linux's.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Started, start } from './process.ts';

const HERE = fileURLToPath(new URL('./guest/', import.meta.url));
const KERNEL = /^vmlinuz-(.*-cloud-amd64)$/;

/** What a guest needs of a machine; `kernel` is proved by kernelRelease(). */
export const GUEST_NEEDS = ['root', 'qemu-system-x86_64', 'busybox', 'cpio'] as const;

/** Of Debian's cloud kernel, which has the virtio drivers; undefined where it is not installed. */
export function kernelRelease(): string | undefined {
  return readdirSync('/boot')
    .map((name) => KERNEL.exec(name)?.[1])
    .filter((release) => release !== undefined)
    .sort()
    .at(-1);
}

/** QEMU's arguments, but for the network. Emulated: what a virtual machine offers as KVM is often slower, or broken. */
export function guestArguments(): string[] {
  const release = kernelRelease();
  if (release === undefined)
    throw new Error('install linux-image-cloud-amd64: there is no kernel for the guests in /boot');
  return [
    ...['-accel', 'tcg', '-m', '192', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', `/boot/vmlinuz-${release}`, '-initrd', initrd(release), '-append', 'console=ttyS0 panic=-1 quiet'],
  ];
}

/** User-mode Linux, all of whose processes end with this one; its network interfaces are `devices`. */
export function startUserModeLinux(home: string, devices: readonly string[]): Started {
  const image = initrd('user-mode-linux');
  const own = ['mem=64M', `initrd=${image}`, 'con=null', 'con0=fd:0,fd:1', `uml_dir=${home}`, 'umid=guest', 'quiet'];
  return start('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', 'linux.uml', ...own, ...devices]);
}

/** Built once for each kernel and each way of building it. */
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

  /** Runs a line of shell; its output. Throws when it fails. */
  async run(line: string): Promise<string> {
    const mark = `END-${++this.#count}-`;
    this.qemu.stdin.write(`${line}; echo ${mark}$?\n`);
    // Looked for by its mark alone: an expression that takes in all before it takes minutes over a long output.
    const { 1: code, index = 0, input = '' } = await this.qemu.output(new RegExp(`${mark}(\\d+)`), 60_000);
    const own = input.slice(Math.max(0, input.lastIndexOf(`END-${this.#count - 1}-`, index)), index);
    if (code !== '0') throw new Error(`'${line}' failed in the guest with ${code}: ${own}`);
    return own;
  }
}
