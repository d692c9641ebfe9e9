// User-mode Linux as a guest with its built-in client, which has an abstract address and no description.
import { expect, test } from 'vitest';
import { Guest, startUserModeLinux } from '../support/guest.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

describeWith(
  ['root', 'tun', 'ip', 'linux.uml', 'unshare', 'busybox', 'cpio', 'vde_plug2tap'],
  'User-mode Linux',
  () => {
    test('a guest with eth0=daemon,MAC,unix,DIR/ctl joins and pings, and its port ends with it', async () => {
      const { started, home, directory } = await startTsvde();
      const host = namespace();
      host.start('vde_plug2tap', ['-s', directory, 'vt0']);
      await until(() => host.run('ip', '-br', 'link').includes('vt0'), 'the TAP');
      host.run('ip', 'addr', 'add', '10.78.0.254/24', 'dev', 'vt0');
      host.run('ip', 'link', 'set', 'vt0', 'up');
      const guest = await Guest.booted(
        startUserModeLinux(home, [`eth0=daemon,02:00:00:00:78:01,unix,${directory}/ctl`]),
      );
      await guest.setAddress('10.78.0.1');
      expect(await guest.run('ping -c 3 -i 0.2 -W 5 10.78.0.254')).toContain(' 0% packet loss');
      expect(host.run('busybox', 'ping', '-c', '3', '-i', '0.2', '-W', '5', '10.78.0.1')).toContain(' 0% packet loss');
      started.stdin.write('hash/find 02:00:00:00:78:01\nport/print 2\n');
      await started.output(/to port: 002 [\s\S]*Port 0002 .* ACTIVE[\s\S]*module unix prog +: \n/);
      guest.qemu.stdin.write('poweroff -f\n');
      expect(await guest.qemu.exited).toMatchObject({ code: 0 });
      await until(() => {
        started.stdin.write('port/print 2\n');
        return started.stdout().includes('1006 No such device or address\n');
      }, 'the end of its port');
    }, 240_000); // longer than all waits inside together, so that a wait in vain fails first and is named
  },
);
