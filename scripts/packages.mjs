// The Debian packages that tests and linting need, each with what proves that it is there.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { execute, hasProgram } from './set-up.mjs';

const program = (name) => () => hasProgram(name);
const pythonModule = (name) => () => spawnSync('/usr/bin/python3', ['-c', `import ${name}`]).status === 0;

const PACKAGES = {
  vde2: program('vdeq'),
  'vde-switch': program('vde_switch'),
  vdeplug: program('vde_plug'),
  'qemu-system-x86': program('qemu-system-x86_64'),
  'linux-image-cloud-amd64': () =>
    existsSync('/boot') && readdirSync('/boot').some((name) => /^vmlinuz-.*-cloud-amd64$/.test(name)),
  'busybox-static': program('busybox'),
  cpio: program('cpio'),
  kmod: program('modprobe'),
  iproute2: program('ip'),
  procps: program('pgrep'),
  systemd: program('systemd-analyze'),
  curl: program('curl'),
  python3: program('python3'),
  'python3-prometheus-client': pythonModule('prometheus_client'),
  'clang-format': program('clang-format'),
  'clang-tidy': program('clang-tidy'),
  valgrind: program('valgrind'),
  'man-db': program('man'),
  mandoc: program('mandoc'),
};

/** As root on Debian installs what is missing; elsewhere names it. */
export function installPackages() {
  const missing = Object.keys(PACKAGES).filter((name) => !PACKAGES[name]());
  if (missing.length === 0) return;
  if (process.geteuid() !== 0 || !hasProgram('apt-get')) {
    console.error(`Missing here, so that some suites are skipped: ${missing.join(', ')}`);
    return;
  }
  console.error(`Installing from Debian: ${missing.join(', ')}`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  execute('apt-get', ['update', '-q'], options);
  execute('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...missing], options);
}
