// Runs emulated QEMU guests on a switch: each is the tests' guest, with iperf3 and another init added. The guest that
// is iperf3's client prints its result on its console, which is a file.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../set-up.mjs';
import { tcpResult } from './iperf.mjs';
import { until } from './scope.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const KERNEL = /^vmlinuz-(.*-cloud-amd64)$/;

const MEMORY = '192M';

/** QEMU's options for the netdev `n` and its NIC: a VDE client. */
export function vdeNetdev(directory) {
  return ['-netdev', `vde,id=n,sock=${directory}`, '-device', 'virtio-net-pci,netdev=n,romfile='];
}

/** QEMU's options for a guest on a vhost-user port. QEMU 7.2 crashes without vectors=0 if it emulates the CPU. */
export function vhostUserNetdev(path) {
  const netdev = ['-chardev', `socket,id=c,path=${path}`, '-netdev', 'vhost-user,id=n,chardev=c'];
  return [...netdev, '-device', 'virtio-net-pci,netdev=n,romfile=,vectors=0'];
}

export const sharedMemory = [
  ...['-object', `memory-backend-memfd,id=ram,size=${MEMORY},share=on`, '-machine', 'memory-backend=ram'],
];

/**
 * Returns iperf3's result for a TCP stream from one guest to the other. `wire` contains QEMU's options for the network;
 * the last of them is the value of `-device` for the NIC.
 */
export async function iperfBetweenGuests(scope, wire, seconds) {
  const home = scope.directory();
  const boot = await guestBooter(scope, home, wire);
  boot(2, 'null', ['address=10.9.0.2']);
  return resultOf(boot, home, ['address=10.9.0.1', 'peer=10.9.0.2', `seconds=${seconds}`]);
}

/**
 * Returns iperf3's result for a TCP stream from a guest with an address to a host with iperf3's server, or in reverse.
 */
export async function iperfWithHost(scope, wire, { address, peer, reverse, seconds }) {
  const home = scope.directory();
  const words = [`address=${address}`, `peer=${peer}`, `seconds=${seconds}`, ...(reverse ? ['reverse=1'] : [])];
  return resultOf(await guestBooter(scope, home, wire), home, words);
}

async function resultOf(boot, home, words) {
  const console = join(home, 'console');
  boot(1, `file:${console}`, words);
  const output = () => readFileSync(console, { encoding: 'utf8', flag: 'a+' });
  await until("a guest's result", () => output().includes('RESULT-END'), 90_000);
  return tcpResult(JSON.parse(output().replace(/^[^{]*|[^}]*$/g, '')).end);
}

async function guestBooter(scope, home, wire) {
  const release = readdirSync('/boot')
    .map((name) => KERNEL.exec(name)?.[1])
    .find((found) => found !== undefined);
  if (release === undefined) throw new Error('there is no kernel for guests in /boot: install linux-image-cloud-amd64');
  const image = join(home, 'initrd');
  await scope.run([join(root, 'test/support/guest/build.sh'), release, image]);
  await scope.run([join(HERE, 'guest-with-iperf.sh'), image]);
  return (number, serial, words) =>
    scope.start([
      ...['qemu-system-x86_64', '-accel', 'tcg', '-m', MEMORY, '-nodefaults', '-display', 'none', '-no-reboot'],
      ...['-serial', serial, '-kernel', `/boot/vmlinuz-${release}`, '-initrd', image],
      ...['-append', ['console=ttyS0 panic=-1 quiet no_timer_check rdinit=/bench-init', ...words].join(' ')],
      ...wire.slice(0, -1),
      `${wire.at(-1)},mac=52:54:00:00:0c:0${number}`,
    ]);
}
