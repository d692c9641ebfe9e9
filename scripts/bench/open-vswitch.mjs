// Open vSwitch with its userspace datapath (netdev): its own database and daemon, all in one directory.
import { basename, dirname, join } from 'node:path';
import { WITH_DPDK } from '../packages.mjs';
import { within } from './network.mjs';
import { until } from './scope.mjs';

/** Starts the daemon in `home`. Returns it and a function that runs ovs-vsctl. */
async function startDaemon(scope, { home, space, program = 'ovs-vswitchd', settings = [] }) {
  const socket = join(home, 'db.sock');
  const database = join(home, 'conf.db');
  const own = (words) =>
    within(space, ['env', `OVS_RUNDIR=${home}`, `OVS_LOGDIR=${home}`, `OVS_DBDIR=${home}`, ...words]);
  const vsctl = (...words) => scope.run(own(['ovs-vsctl', `--db=unix:${socket}`, '--timeout=30', ...words]));
  await scope.run(['ovsdb-tool', 'create', database, '/usr/share/openvswitch/vswitch.ovsschema']);
  scope.start(
    own(['ovsdb-server', database, `--remote=punix:${socket}`, '--no-chdir', `--unixctl=${join(home, 'db.ctl')}`]),
  );
  await until('ovsdb-server', () =>
    vsctl('--no-wait', 'init').then(
      () => true,
      () => false,
    ),
  );
  if (settings.length > 0) await vsctl('--no-wait', 'set', 'Open_vSwitch', '.', ...settings);
  const daemon = scope.start(own([program, `unix:${socket}`, '--no-chdir', `--unixctl=${join(home, 'vs.ctl')}`]));
  await vsctl('add-br', 'bridge', '--', 'set', 'bridge', 'bridge', 'datapath_type=netdev');
  return { daemon, vsctl };
}

export async function startOpenVswitch(scope, { space, taps }) {
  const { daemon, vsctl } = await startDaemon(scope, { home: scope.directory(), space });
  for (const name of taps) await vsctl('add-port', 'bridge', name, '--', 'set', 'interface', name, 'type=internal');
  return { pids: [daemon.pid] };
}

/** Starts Open vSwitch as the back end of vhost-user sockets in one directory. Its thread polls on the second core. */
export async function startOpenVswitchVhost(scope, { sockets, size }) {
  const settings = [
    'other_config:dpdk-init=true',
    `other_config:dpdk-extra=--no-huge --legacy-mem -m 4096 --no-pci --file-prefix=ovs-${process.pid}`,
    'other_config:dpdk-lcore-mask=1',
    'other_config:pmd-cpu-mask=2',
  ];
  const home = dirname(sockets[0]);
  const { daemon, vsctl } = await startDaemon(scope, { home, program: WITH_DPDK, settings });
  for (const path of sockets) {
    const words = ['type=dpdkvhostuser', ...(size > 1518 ? ['mtu_request=9000'] : [])];
    await vsctl('add-port', 'bridge', basename(path), '--', 'set', 'interface', basename(path), ...words);
  }
  return { pids: [daemon.pid] };
}
