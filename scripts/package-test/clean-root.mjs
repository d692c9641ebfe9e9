// A clean Debian 12 without compiler and Node, in which a package is installed, used and removed.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheOf } from '../build.mjs';
import { output } from '../package/tree.mjs';
import { root as checkout } from '../set-up.mjs';

const image = join(cacheOf(checkout), 'clean-root/debian-12.tar');
/** The paths that change whenever packages or npm are used, and that no package is expected to remove. */
const IGNORED = [
  ...['/proc', '/sys', '/dev', '/run', '/tmp', '/opt/test', '/var/log', '/var/cache', '/var/lib/apt', '/root/.npm'],
  ...['/var/lib/dpkg', '/etc/ld.so.cache', '/etc/group-', '/etc/gshadow-', '/etc/resolv.conf'],
];

/** Makes the image of the root, unless an earlier run has made it. */
export function makeImage() {
  if (existsSync(image)) return;
  mkdirSync(dirname(image), { recursive: true });
  const options = ['--quiet', '--variant=minbase', '--include=iproute2,ca-certificates', '--skip=cleanup/apt'];
  output('mmdebstrap', [...options, 'bookworm', `${image}.new.tar`]);
  renameSync(`${image}.new.tar`, image);
}

export class CleanRoot {
  #before = '';
  constructor(path) {
    this.path = path;
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    output('tar', ['-xf', image, '-C', path]);
    copyFileSync('/etc/resolv.conf', join(path, 'etc/resolv.conf'));
  }

  /** Copies a file or directory of this machine to a place in the root. */
  add(from, to) {
    mkdirSync(dirname(join(this.path, to)), { recursive: true });
    output('cp', ['-a', from, join(this.path, to)]);
  }

  /**
   * Runs a script of bash in the root, with /proc, /dev/net/tun and a private /run. `network` is `host` to install, and
   * `none` for a network with nothing but loopback. Returns its output; throws an Error with it if the script fails.
   */
  run(script, { network = 'host', expectFailure = false } = {}) {
    const file = '/tmp/script';
    writeFileSync(join(this.path, file), `set -eu\n${script}\n`);
    const outside = [
      `mount -t proc proc '${this.path}/proc'`,
      `mount -t tmpfs tmpfs '${this.path}/run'`,
      `mount -t tmpfs tmpfs '${this.path}/dev'`,
      `for name in null zero random urandom tty; do touch '${this.path}/dev/'$name && mount --bind /dev/$name '${this.path}/dev/'$name; done`,
      `mkdir '${this.path}/dev/net' && touch '${this.path}/dev/net/tun' && mount --bind /dev/net/tun '${this.path}/dev/net/tun'`,
      `ln -s /proc/self/fd '${this.path}/dev/fd'`,
      network === 'none' ? 'ip link set lo up' : ':',
      `exec chroot '${this.path}' bash ${file}`,
    ];
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child', ...(network === 'none' ? ['--net'] : [])];
    const { status, stdout, stderr } = spawnSync('unshare', [...namespaces, 'bash', '-e', '-c', outside.join('\n')], {
      encoding: 'utf8',
      input: '',
      env: { ...process.env, PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
    });
    if ((status !== 0) !== expectFailure) throw new Error(`exit code ${status} of\n${script}\n${stdout}${stderr}`);
    return { status, stdout, stderr };
  }

  /** Records which files there are, for left(). */
  remember() {
    this.#before = this.#files();
  }

  /** Returns the files that have come since remember(). */
  left() {
    const before = new Set(this.#before.split('\n'));
    return this.#files()
      .split('\n')
      .filter((line) => !before.has(line));
  }

  #files() {
    const but = IGNORED.flatMap((path) => ['-path', this.path + path, '-prune', '-o']);
    const files = output('find', [this.path, '-xdev', ...but, '-not', '-type', 'd', '-printf', '%P %l\\n']);
    const directories = output('find', [this.path, '-xdev', ...but, '-type', 'd', '-printf', '%P\\n']);
    return `${files}${directories}group ${readFileSync(join(this.path, 'etc/group'), 'utf8')}`;
  }

  remove() {
    rmSync(this.path, { recursive: true, force: true });
  }
}
