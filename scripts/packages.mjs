// npm run packages: installs the Debian packages that tests and linting need. Each package is listed with a check that
// it is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execute, hasProgram } from './set-up.mjs';

/** Debian's build of Open vSwitch's daemon that has DPDK. */
export const WITH_DPDK = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk';

const program = (name) => () => hasProgram(name);
const pythonModule = (name) => () => spawnSync('/usr/bin/python3', ['-c', `import ${name}`]).status === 0;

/** The packages that tests and linting need. */
const PACKAGES = {
  vde2: program('vdeq'),
  // A library that is opened at run time. Installing QEMU may also install it.
  libslirp0: () => spawnSync('/usr/bin/python3', ['-c', 'import ctypes; ctypes.CDLL("libslirp.so.0")']).status === 0,
  passt: program('passt'),
  'vde-switch': program('vde_switch'),
  vdeplug: program('vde_plug'),
  'user-mode-linux': program('linux.uml'),
  'qemu-system-x86': program('qemu-system-x86_64'),
  'linux-image-cloud-amd64': () =>
    existsSync('/boot') && readdirSync('/boot').some((name) => /^vmlinuz-.*-cloud-amd64$/.test(name)),
  'busybox-static': program('busybox'),
  cpio: program('cpio'),
  kmod: program('modprobe'),
  iproute2: program('ip'),
  procps: program('pgrep'),
  psmisc: program('killall'),
  ethtool: program('ethtool'),
  'wireguard-tools': program('wg'),
  'wireguard-go': program('wireguard-go'),
  'openssh-client': program('ssh'),
  'openssh-server': program('sshd'),
  systemd: program('systemd-analyze'),
  bubblewrap: program('bwrap'),
  tcpdump: program('tcpdump'),
  // A library that is opened at run time. tcpdump depends on it, too.
  'libpcap0.8': () =>
    spawnSync('/usr/bin/python3', ['-c', 'import ctypes; ctypes.CDLL("libpcap.so.0.8")']).status === 0,
  tshark: program('tshark'),
  'openvswitch-switch': program('ovs-vswitchd'),
  curl: program('curl'),
  python3: program('python3'),
  chromium: program('chromium'),
  prometheus: program('promtool'),
  'python3-prometheus-client': pythonModule('prometheus_client'),
  'python3-pyte': pythonModule('pyte'),
  'clang-format': program('clang-format'),
  'clang-tidy': program('clang-tidy'),
  strace: program('strace'),
  'util-linux': program('prlimit'),
  valgrind: program('valgrind'),
  'man-db': program('man'),
  mandoc: program('mandoc'),
  zsh: program('zsh'),
  fish: program('fish'),
};

/** The packages that only the benchmark needs: its tools and peers. */
export const BENCH_PACKAGES = {
  'dpdk-dev': program('dpdk-testpmd'),
  iperf3: program('iperf3'),
  'openvswitch-switch-dpdk': program(WITH_DPDK),
  passt: program('passt'),
};

/** The packages that `npm run package` and `npm run package:test` need. */
export const PACKAGING = {
  binutils: program('objdump'),
  'dpkg-dev': program('dpkg-shlibdeps'),
  'xz-utils': program('xz'),
  lintian: program('lintian'),
  mmdebstrap: program('mmdebstrap'),
};

/**
 * Installs missing packages if run as root on Debian and TSVDE_NO_PACKAGES is not set; otherwise prints their names and
 * what is `skipped` without them.
 */
export function installPackages(packages = PACKAGES, skipped = 'suites') {
  const missing = Object.keys(packages).filter((name) => !packages[name]());
  if (missing.length === 0) return;
  if (process.geteuid() !== 0 || !hasProgram('apt-get') || process.env.TSVDE_NO_PACKAGES) {
    console.error(`Missing here, so that some ${skipped} are skipped: ${missing.join(', ')}`);
    return;
  }
  console.error(`Installing from Debian: ${missing.join(', ')}`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  // The tests start their own sshd. This file keeps the package from starting one that listens on all addresses.
  if (missing.includes('openssh-server')) {
    mkdirSync('/etc/ssh', { recursive: true });
    writeFileSync('/etc/ssh/sshd_not_to_be_run', '');
  }
  execute('apt-get', ['update', '-q'], options);
  execute('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...missing], options);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installPackages();
