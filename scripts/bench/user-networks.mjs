// User-mode networks of other programs, and a guest on a TAP of any user-mode network. The networks are QEMU's own,
// connected to the TAP by a hub in a QEMU without a guest, slirpvde on a vde_switch, and passt at a stream port of
// tsvde.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hosts, within } from './network.mjs';
import { withChildren } from './process.mjs';
import { until } from './scope.mjs';

export function startQemuUser(scope, { space, taps: [tap] }) {
  const netdevs = ['user,id=u', 'hubport,id=hu,hubid=0,netdev=u'].concat(
    `tap,id=t,ifname=${tap},script=no,downscript=no`,
    'hubport,id=ht,hubid=0,netdev=t',
  );
  const words = ['-M', 'none', '-nodefaults', '-display', 'none', ...netdevs.flatMap((netdev) => ['-netdev', netdev])];
  return { pids: [scope.start(within(space, ['qemu-system-x86_64', ...words])).pid] };
}

/** Returns a function that starts slirpvde. `startSwitch` starts a vde_switch for it. */
export function slirpvdeOn(startSwitch) {
  return async (scope, setting) => {
    const { pids } = await startSwitch(scope, setting);
    const stack = scope.start(within(setting.space, ['slirpvde', '-s', setting.directory]));
    return { pids: [...pids, stack.pid] };
  };
}

/** Returns a function that starts passt. `startSwitch` starts a tsvde with a port that is connected to passt. */
export function passtOn(startSwitch) {
  return async (scope, setting) => {
    const ip = (...args) => scope.run(within(setting.space, ['ip', ...args]));
    // passt needs an interface with a default route, although nothing is sent there.
    await ip('link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'uplink-in');
    await ip('addr', 'add', '10.0.9.1/24', 'dev', 'uplink');
    await ip('link', 'set', 'uplink-in', 'up');
    await ip('link', 'set', 'uplink', 'up');
    await ip('route', 'add', 'default', 'via', '10.0.9.2');
    const path = join(scope.directory(), 'passt');
    const addresses = ['--ipv4-only', '--address', '10.0.2.15', '--netmask', 24, '--gateway', '10.0.2.2'];
    const words = ['--foreground', '--runas', 0, ...addresses, '--socket', path];
    const stack = scope.start(within(setting.space, ['passt', ...words]));
    await until(path, () => existsSync(path));
    const options = ['--port', `stream,addr.type=unix,addr.path=${path},padding=off`];
    const { pids } = await startSwitch(scope, { ...setting, user: false, options });
    return { pids: [...pids, stack.pid] };
  };
}

/** Returns a guest on a TAP of the peer's user-mode network, the guest's host, and the network's processes. */
export async function overUserNetwork(scope, peer) {
  let space;
  const start = (inScope, setting) => {
    space = setting.space;
    return peer.start(inScope, { ...setting, user: true });
  };
  const { ends, pids } = await hosts(scope, { ...peer, start }, ['tap']);
  const [guest] = ends;
  await guest.run(['ip', 'addr', 'add', '10.0.2.15/24', 'dev', 'tap0']);
  const host = {
    address: '10.0.2.2',
    run: (command) => scope.run(within(space, command)),
    start: (command) => scope.start(within(space, command)),
  };
  return { ends: [guest, host], pids: withChildren(pids) };
}
