// A real guest on a user-mode network: it boots with QEMU's VDE, takes a lease and exchanges data with the host.
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GUEST_NEEDS, Guest, guestArguments, tsvdeqArguments } from '../support/guest.ts';
import { describeWith } from '../support/needs.ts';
import { tsvdeq } from '../support/process.ts';
import { USER_NEEDS, udhcpcScript, userHost } from '../support/user-network.ts';

describeWith([...GUEST_NEEDS, ...USER_NEEDS], 'a guest on a user-mode network', () => {
  test('a guest uses DHCP, DNS, the host, TFTP and guestfwd, and is reached by hostfwd', async () => {
    const host = await userHost(
      'user,tftp=HOME/tftp,hostfwd=tcp:127.0.0.1:8080-:80,guestfwd=tcp:10.0.2.100:7-tcp:127.0.0.1:7',
    );
    const file = randomBytes(200_000);
    writeFileSync(`${host.home}/tftp/file`, file);
    const guest = await Guest.booted(
      host.space.start(tsvdeq, tsvdeqArguments(host.directory, { mac: '52:54:00:00:0b:01' })),
    );
    for (const line of udhcpcScript('/lease').trim().split('\n')) await guest.run(`echo '${line}' >> /lease.sh`);
    await guest.run('chmod 755 /lease.sh && udhcpc -i eth0 -q -n -f -s /lease.sh');
    expect(await guest.run('cat /lease')).toMatch(/^ip=10\.0\.2\.15\r?$/m);
    expect(await guest.run('nslookup test.example 10.0.2.3')).toContain('192.0.2.77');
    expect(await guest.run('wget -q -O - http://10.0.2.2/')).toContain('hello from the host');
    await guest.run('tftp -g -r file -l /file 10.0.2.2');
    expect(await guest.run('sha256sum /file')).toContain(createHash('sha256').update(file).digest('hex'));
    expect(await guest.run('echo through and back | timeout 5 nc 10.0.2.100 7')).toContain('through and back');
    await guest.run('mkdir -p /www && echo hello from the guest > /www/index.html && httpd -p 80 -h /www');
    expect(host.space.run('curl', '-s', '--retry', '3', '--retry-all-errors', 'http://127.0.0.1:8080/')).toBe(
      'hello from the guest\n',
    );
  }, 120_000);

  test('a guest keeps its address and its forward over three starts', async () => {
    const host = await userHost('user,hostfwd=tcp:127.0.0.1:2222-:22');
    writeFileSync(`${host.home}/six.img`, Buffer.alloc(1 << 20));
    // As in README, "User mode": no MAC address is given for the NIC.
    const network = ['-drive', `file=${host.home}/six.img,format=raw,if=virtio`, '-net', 'nic,model=virtio'];
    const addresses = new Set<string>();
    for (let start = 1; start <= 3; start++) {
      const guest = await Guest.booted(
        host.space.start(tsvdeq, ['-vdesock', host.directory, 'qemu-system-x86_64', ...guestArguments(), ...network]),
      );
      for (const line of udhcpcScript('/lease').trim().split('\n')) await guest.run(`echo '${line}' >> /lease.sh`);
      await guest.run('chmod 755 /lease.sh && udhcpc -i eth0 -q -n -f -s /lease.sh');
      expect(await guest.run('cat /lease')).toMatch(/^ip=10\.0\.2\.15\r?$/m);
      addresses.add(/52:54:00(:[0-9a-f]{2}){3}/.exec(await guest.run('cat /sys/class/net/eth0/address'))![0]);
      await guest.run(`mkdir -p /www && echo start ${start} > /www/index.html && httpd -p 22 -h /www`);
      expect(host.space.run('curl', '-s', '--retry', '3', '--retry-all-errors', 'http://127.0.0.1:2222/')).toBe(
        `start ${start}\n`,
      );
      await guest.qemu.stop();
    }
    expect(addresses.size).toBe(1);
  }, 240_000);
});
