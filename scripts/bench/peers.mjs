// The switches to compare. `carries` says what a switch connects: VDE clients, TAP interfaces, guests to a user-mode
// network, guests on vhost-user sockets, or `confinement`: only peers that differ in whether they give up privileges
// have that. start() starts the switch in a scope with a setting; startVhostUser() starts it with two vhost-user
// sockets. Once the switch is usable, both resolve with the processes to measure.
//
// A setting has: directory (of ctl), space (the switch's network namespace, or undefined), taps (the names of the
// interfaces to make there), hub, ports, hashSize, vlans, user (adds a user-mode network), options (further words, for
// tsvde only).
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WITH_DPDK } from '../packages.mjs';
import { hasProgram, root } from '../set-up.mjs';
import { native } from './native.mjs';
import { within } from './network.mjs';
import { startOpenVswitch, startOpenVswitchVhost } from './open-vswitch.mjs';
import { until } from './scope.mjs';
import { startRelay } from './testpmd.mjs';
import { passtOn, slirpvdeOn, startQemuUser } from './user-networks.mjs';
import { consoleOf } from './vhost-user.mjs';

const ours = (checkout) => (setting) => [
  ...[process.execPath, join(checkout, 'bin/tsvde'), '--nostdin', '--sock', setting.directory],
  ...switchWords(setting),
  ...(setting.user ? ['--port', 'user'] : []),
  ...(setting.options ?? []),
];

/** tsvde with a library that may keep it from giving up privileges. Both ways load it, since that takes time. */
const confined =
  (...environment) =>
  (setting) => ['env', `LD_PRELOAD=${native('unconfined.so')}`, ...environment, ...ours(root)(setting)];

const vdeSwitch = (setting) => ['vde_switch', '-s', setting.directory, ...switchWords(setting)];

export const PEERS = [
  {
    name: 'tsvde',
    carries: ['vde', 'tap', 'user', 'vhost-user'],
    start: program(ours(root)),
    startVhostUser: withSockets(program(ours(root))),
    hasOptions: true,
  },
  {
    name: 'vde_switch',
    needs: ['vde_switch'],
    carries: ['vde', 'tap'],
    start: program(vdeSwitch),
    hasOptions: true,
  },
  {
    name: 'vdeplug switch',
    needs: ['vde_plug'],
    carries: ['vde'],
    start: program(({ directory, hub }) => ['vde_plug', 'null://', `${hub ? 'hub' : 'switch'}://${directory}`]),
  },
  { name: 'relay', carries: ['vde'], start: program(({ directory }) => [native('relay'), directory]) },
  { name: 'QEMU', needs: ['qemu-system-x86_64'], carries: ['user'], start: startQemuUser },
  { name: 'passt', needs: ['passt'], carries: ['user'], start: passtOn(program(ours(root))) },
  { name: 'slirpvde', needs: ['slirpvde', 'vde_switch'], carries: ['user'], start: slirpvdeOn(program(vdeSwitch)) },
  { name: 'TAP relay', carries: ['tap'], start: startTapRelay },
  { name: 'Linux bridge', needs: ['ip'], carries: ['tap'], start: startBridge, inKernel: true },
  { name: 'DPDK relay', needs: ['dpdk-testpmd'], carries: ['vhost-user'], startVhostUser: startDpdkRelay },
  { name: 'tsvde confined', carries: ['confinement'], start: program(confined()) },
  { name: 'tsvde unconfined', carries: ['confinement'], start: program(confined('UNCONFINED=1')) },
  { name: 'Open vSwitch', needs: ['ovs-vswitchd'], carries: ['tap'], start: startOpenVswitch },
  { name: 'Open vSwitch', needs: [WITH_DPDK], carries: ['vhost-user'], startVhostUser: startOpenVswitchVhost },
];

/** Returns the installed peers and, with `against`, another checkout of tsvde. */
export function installedPeers(against) {
  const older = { name: 'tsvde before', carries: ['vde', 'tap'], start: program(ours(against)), hasOptions: true };
  const [first, ...others] = PEERS;
  return [first, ...(against ? [older] : []), ...others].filter(({ needs = [] }) => needs.every(hasProgram));
}

/** Returns options that both tsvde and vde_switch have. */
function switchWords({ directory, hub, ports, hashSize, vlans = 0, taps = [] }) {
  const words = taps.flatMap((name) => ['-t', name]);
  if (hub) words.push('-x');
  if (ports) words.push('-n', ports);
  if (hashSize) words.push('--hashsize', hashSize);
  if (vlans > 0) {
    const file = `${directory}.rc`;
    const lines = Array.from({ length: vlans }, (_, i) => `vlan/create ${i + 1}\n`);
    writeFileSync(file, lines.join(''));
    words.push('-f', file);
  }
  return words;
}

function program(command) {
  return async (scope, setting) => {
    const child = scope.start(within(setting.space, command(setting)));
    await until(
      `${command(setting).join(' ')}: its control socket`,
      () => {
        if (child.exitCode !== null) throw new Error(`it ended: ${child.output.trim()}`);
        return accepts(join(setting.directory, 'ctl'));
      },
      20_000,
    );
    return { pids: [child.pid] };
  };
}

/** Returns a function that starts tsvde with a vhost-user port for each socket, on the second core. */
function withSockets(start) {
  return async (scope, { directory, sockets }) => {
    const ports = sockets.flatMap((path) => ['--port', `vhost-user,server=on,path=${path}`]);
    const started = await start(scope, { directory, options: ['--cpu', 1, ...consoleOf(directory), ...ports] });
    for (const path of sockets) await until(path, () => existsSync(path));
    return { ...started, hasNotifications: true };
  };
}

async function startDpdkRelay(scope, { sockets, size }) {
  return { pids: [(await startRelay(scope, sockets, { size })).pid] };
}

/** Starts tap_relay. It has no control socket, so it counts as ready when its interfaces exist. */
async function startTapRelay(scope, { space, taps }) {
  const child = scope.start(within(space, [native('tap_relay'), ...taps]));
  for (const name of taps) {
    await until(`interface ${name}`, () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${child.output.trim()}`);
      return scope.run(within(space, ['ip', 'link', 'show', name])).then(Boolean, () => false);
    });
  }
  return { pids: [child.pid] };
}

/** Makes interfaces whose other ends are in a kernel bridge: the upper bound for any switch. */
async function startBridge(scope, { space, taps }) {
  const ip = (...args) => scope.run(within(space, ['ip', ...args]));
  await ip('link', 'add', 'bridge', 'type', 'bridge');
  for (const name of taps) {
    await ip('link', 'add', name, 'type', 'veth', 'peer', `${name}-in`);
    await ip('link', 'set', `${name}-in`, 'master', 'bridge', 'up');
  }
  await ip('link', 'set', 'bridge', 'up');
  return { pids: [] };
}

export function accepts(path) {
  if (!existsSync(path)) return false;
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('error', () => resolve(false));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
}
