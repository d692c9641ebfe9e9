// Open vSwitch with its userspace datapath (netdev): its own database and daemon, all in one directory.
import { join } from 'node:path';
import { within } from './network.mjs';
import { until } from './scope.mjs';

export async function startOpenVswitch(scope, { space, taps }) {
  const home = scope.directory();
  const socket = join(home, 'db.sock');
  const database = join(home, 'conf.db');
  const own = (words) =>
    within(space, ['env', `OVS_RUNDIR=${home}`, `OVS_LOGDIR=${home}`, `OVS_DBDIR=${home}`, ...words]);
  const vsctl = (...words) => scope.run(own(['ovs-vsctl', `--db=unix:${socket}`, '--timeout=10', ...words]));
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
  const daemon = scope.start(
    own(['ovs-vswitchd', `unix:${socket}`, '--no-chdir', `--unixctl=${join(home, 'vs.ctl')}`]),
  );
  await vsctl('add-br', 'bridge', '--', 'set', 'bridge', 'bridge', 'datapath_type=netdev');
  for (const name of taps) await vsctl('add-port', 'bridge', name, '--', 'set', 'interface', name, 'type=internal');
  return { pids: [daemon.pid] };
}
