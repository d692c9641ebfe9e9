// The units of --print-unit under a real systemd: start, clients, reload, failures, watchdog, stop.
import { beforeAll, expect, test } from 'vitest';
import { formatStreamFrame } from '../../src/protocol/plug-stream.ts';
import { arpReply, arpRequest } from '../support/arp.ts';
import { describeWith } from '../support/needs.ts';
import type { Started } from '../support/process.ts';
import { JOIN } from '../support/python.ts';
import { SYSTEMD_NEEDS, Systemd, TSVDE } from '../support/systemd.ts';
import { until } from '../support/wait.ts';

/** Like dynamips, a client whose own socket is where the user wants: prints the address that the switch gives it. */
const OWN_SOCKET = `${JOIN}
import sys
directory, own = sys.argv[1:]
data = data_socket(own)
stream, reply = ask(directory + '/ctl', own)
print(address_in(reply) or 'refused')
`;

describeWith([...SYSTEMD_NEEDS, 'tun', 'setpriv', 'curl', '/usr/bin/python3'], 'units under systemd', () => {
  let machine: Systemd;
  let group: string;

  beforeAll(async () => {
    machine = await Systemd.boot();
    machine.run('systemd-sysusers', '/opt/tsvde/contrib/sysusers.d/tsvde.conf');
    group = machine.run('getent', 'group', 'tsvde').split(':')[2]!;
    for (const name of ['tsvde', 'tsvde@'])
      machine.write(`/etc/systemd/system/${name}.service`, machine.run(...TSVDE, '--print-unit', name));
    machine.run('systemctl', 'daemon-reload');
  });

  const state = (unit: string) =>
    machine.show(unit, 'ActiveState', 'SubState', 'Result', 'NRestarts', 'MainPID', 'StatusText');
  const ask = (mgmt: string, line: string) => machine.tries(...TSVDE.slice(0, 1), '/opt/tsvde/bin/tsvdectl', '-M', mgmt, line); // biome-ignore format: a row
  const journal = (unit: string) => machine.run('journalctl', '--output=cat', '--unit', unit);
  const restarted = (unit: string, times: number) =>
    until(() => {
      const { ActiveState, NRestarts } = state(unit);
      return ActiveState === 'active' && NRestarts === String(times);
    }, () => `restart ${times} of ${unit}: ${journal(unit)}`, 10_000); // biome-ignore format: a row

  /** A client of `uid` with these groups. */
  function plug(uid: number, groups: string, directory: string): Started {
    const ids = ['--reuid', String(uid), '--regid', String(uid), groups];
    return machine.start('setpriv', ...ids, ...TSVDE, 'plug', directory);
  }

  test('tsvde@NAME has its TAP and its rc file, serves members of the group, and leaves nothing behind', async () => {
    machine.write('/etc/tsvde/vt0.rc', 'port/create 7\n');
    machine.run('systemctl', 'start', 'tsvde@vt0');
    expect(state('tsvde@vt0')).toMatchObject({ ActiveState: 'active', StatusText: '1 ports active' });
    machine.run('ip', 'addr', 'add', '10.7.0.1/24', 'dev', 'vt0');
    machine.run('ip', 'link', 'set', 'vt0', 'up');
    const outsider = plug(1234, '--clear-groups', '/run/tsvde-vt0/ctl');
    expect((await outsider.exited).code).not.toBe(0);
    expect(outsider.stderr()).toContain('Permission denied');
    const members = [1001, 1002, 1003].map((uid) => plug(uid, `--groups=${group}`, '/run/tsvde-vt0/ctl'));
    const [first] = members;
    await until(
      () => state('tsvde@vt0').StatusText === '4 ports active',
      () => first!.stderr(),
    );
    const request = arpRequest({ mac: '02:00:00:00:00:0a', from: '10.7.0.2', to: '10.7.0.1' });
    first!.stdin.write(formatStreamFrame(request));
    await first!.output(arpReply('10.7.0.1'));
    expect(ask('/run/tsvde-vt0/mgmt', 'port/allprint 7')).toContain('Port 0007');
    expect(journal('tsvde@vt0')).not.toMatch(/warning|cannot/i);
    machine.run('systemctl', 'stop', 'tsvde@vt0');
    expect(state('tsvde@vt0')).toMatchObject({ ActiveState: 'inactive', Result: 'success' });
    expect(machine.run('ls', '/run', '/sys/class/net')).not.toMatch(/tsvde|vt0/);
    for (const member of members) expect((await member.exited).code).toBe(0);
  });

  test('a reload reads the rc file again, a crash and a frozen switch are answered by a restart', async () => {
    const settings = '[Service]\nWatchdogSec=1\nRestartSec=10ms\n';
    machine.write('/run/systemd/system/tsvde@vt1.service.d/fast.conf', settings);
    machine.write('/etc/tsvde/vt1.rc', 'vlan/create 7\n');
    machine.run('systemctl', 'daemon-reload');
    machine.run('systemctl', 'start', 'tsvde@vt1');
    machine.write('/etc/tsvde/vt1.rc', 'vlan/create 8\n');
    machine.run('systemctl', 'reload', 'tsvde@vt1');
    await until(
      () => /0008/.test(ask('/run/tsvde-vt1/mgmt', 'vlan/print')),
      () => journal('tsvde@vt1'),
    );
    machine.run('kill', '-KILL', state('tsvde@vt1').MainPID!);
    await restarted('tsvde@vt1', 1);
    machine.run('kill', '-STOP', state('tsvde@vt1').MainPID!);
    await restarted('tsvde@vt1', 2);
    expect(journal('tsvde@vt1')).toContain('Watchdog timeout');
    expect(ask('/run/tsvde-vt1/mgmt', 'vlan/print')).toMatch(/0008/);
    machine.run('systemctl', 'stop', 'tsvde@vt1');
    expect(machine.run('ls', '/run', '/sys/class/net')).not.toMatch(/tsvde|vt1/);
  });

  test('tsvde answers health checks and serves clients whose own socket is in /tmp, or in /home if the unit says so', () => {
    const joins = (own: string) => {
      const python = ['/usr/bin/python3', '-c', OWN_SOCKET, '/run/tsvde/switch.ctl', own];
      return machine.run('setpriv', '--reuid=1001', '--regid=1001', `--groups=${group}`, ...python).trim();
    };
    machine.run('install', '--directory', '--owner=1001', '/home/lab');
    machine.run('chmod', '1777', '/tmp');
    machine.run('systemctl', 'start', 'tsvde');
    expect(machine.run('curl', '--silent', '--fail', 'http://127.0.0.1:9109/readyz')).toContain('ready');
    expect([joins('/tmp/own'), joins('/home/lab/a')]).toEqual(['/run/tsvde/switch.ctl/001.1', 'refused']);
    machine.write('/run/systemd/system/tsvde.service.d/home.conf', '[Service]\nProtectHome=read-only\n');
    machine.run('systemctl', 'daemon-reload');
    machine.run('systemctl', 'restart', 'tsvde');
    expect(joins('/home/lab/b')).toBe('/run/tsvde/switch.ctl/001.1');
    machine.run('systemctl', 'stop', 'tsvde');
    expect(state('tsvde')).toMatchObject({ ActiveState: 'inactive', Result: 'success' });
  });

  test('a client that connects to sockets of systemd starts the switch', async () => {
    for (const [name, path] of [['ctl', 'switch.ctl/ctl'], ['mgmt', 'switch.mgmt']])
      machine.write(`/run/systemd/system/tsvde-${name}.socket`, `[Socket]\nListenStream=/run/tsvde/${path}\nFileDescriptorName=${name}\nService=tsvde.service\nSocketMode=0660\nSocketGroup=tsvde\nDirectoryMode=0775\n`); // biome-ignore format: a row
    machine.run('systemctl', 'daemon-reload');
    machine.run('systemctl', 'start', 'tsvde-ctl.socket', 'tsvde-mgmt.socket');
    expect(state('tsvde').ActiveState).toBe('inactive');
    const client = plug(1001, `--groups=${group}`, '/run/tsvde/switch.ctl');
    await until(
      () => state('tsvde').StatusText === '1 ports active',
      () => client.stderr() + journal('tsvde'),
    );
    expect(ask('/run/tsvde/switch.mgmt', 'port/print 1')).toContain('user=1001');
    machine.run('systemctl', 'stop', 'tsvde-ctl.socket', 'tsvde-mgmt.socket', 'tsvde');
  });

  test('a user-mode network works in the unit, and is fully confined with the drop-in that the unit names', async () => {
    const unit = machine.run('systemctl', 'cat', 'tsvde');
    const withPort = `[Service]\nExecStart=\n${/^ExecStart=.*/m.exec(unit)![0]} --port user\n`;
    machine.write('/run/systemd/system/tsvde.service.d/port.conf', withPort);
    machine.run('systemctl', 'daemon-reload');
    machine.run('systemctl', 'start', 'tsvde');
    expect(journal('tsvde')).toMatch(
      /without a part of its confinement: another user than root, namespaces \(unshare\)\n/,
    );
    machine.run('systemctl', 'stop', 'tsvde');
    const [, advice] = /drop-in adds ([^.]*)\./.exec(unit)!;
    const settings = [...advice!.replaceAll('\n# ', ' ').matchAll(/\w+=[^,]*?(?=,| and |$)/g)].map(
      ([setting]) => setting,
    );
    expect(settings).toHaveLength(3);
    machine.write('/run/systemd/system/tsvde.service.d/confine.conf', `[Service]\n${settings.join('\n')}\n`);
    machine.run('systemctl', 'daemon-reload');
    const before = journal('tsvde').length;
    machine.run('systemctl', 'start', 'tsvde');
    expect(journal('tsvde').slice(before)).not.toMatch(/confinement|warning/);
    machine.run('systemctl', 'stop', 'tsvde');
  });
});
