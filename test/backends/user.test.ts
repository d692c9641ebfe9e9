// User mode as guests see it, tested with programs by other authors: udhcpc, wget, tftp, curl and the kernel's own
// stack.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { isRunning } from '../support/process.ts';
import { USER_NEEDS, type UserGuest, type UserHost, userHost } from '../support/user-network.ts';
import { until } from '../support/wait.ts';

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

describeWith(USER_NEEDS, 'two guests on one user-mode network', () => {
  let host: UserHost;
  let one: UserGuest;
  let two: UserGuest;

  beforeAll(async () => {
    host = await userHost(
      [
        'user,tftp=HOME/tftp,hostname=guest-name,domainname=dom.example,dnssearch=a.example,dnssearch=b.example',
        'bootfile=boot.bin,tftp-server-name=tftp.example',
        'hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp::8081-10.0.2.16:80,hostfwd=tcp:[::1]:8080-:80,hostfwd=unix:HOME/fwd-:80',
        'guestfwd=tcp:10.0.2.100:1-cmd:/bin/cat,guestfwd=tcp:10.0.2.100:2-tcp:127.0.0.1:7',
        'guestfwd=tcp:10.0.2.101:3-unix:HOME/echo,guestfwd=tcp::4-tcp:[::1]:7,guestfwd=tcp::5-tcp:127.0.0.1:9',
      ].join(','),
    );
    one = host.guest('tap0');
    two = host.guest('tap1');
    for (const guest of [one, two]) guest.serve('[::]:80');
  });

  test('each guest gets its own lease, with all configured DHCP options', () => {
    expect(one.takeLease()).toMatchObject({
      ip: '10.0.2.15',
      mask: '24',
      router: '10.0.2.2',
      dns: '10.0.2.3',
      hostname: 'guest-name',
      domain: 'dom.example',
      search: 'a.example b.example',
      boot_file: 'boot.bin',
      tftp: 'tftp.example',
    });
    expect(two.takeLease()).toMatchObject({ ip: '10.0.2.16' });
  });

  test('guests reach each other through the switch, and the stack ignores frames for other addresses', async () => {
    expect(one.busybox('ping', '-c', '3', '-i', '0.2', '10.0.2.16')).toContain(' 0% packet loss');
    expect(one.busybox('wget', '-q', '-O', '-', 'http://10.0.2.16/')).toBe('hello from tap1\n');
    const ignored = () => host.metrics().get('tsvde_attachment_ignored_total{attachment="user0",kind="user"}')!;
    const before = ignored();
    one.space.run('ip', 'neigh', 'add', '10.0.2.77', 'lladdr', '02:00:00:00:00:77', 'dev', 'tap0');
    expect(() => one.busybox('ping', '-c', '2', '-i', '0.2', '-W', '1', '10.0.2.77')).toThrow();
    await until(
      () => ignored() >= before + 2, // IPv6 multicast may add more
      () => `two more ignored than ${before}, not ${ignored()}`,
    );
  });

  test('names are resolved by the name server of the host', () => {
    expect(one.busybox('nslookup', 'test.example', '10.0.2.3')).toMatch(/192\.0\.2\.77/);
  });

  test('the host answers HTTP and ping at 10.0.2.2', () => {
    expect(one.busybox('wget', '-q', '-O', '-', 'http://10.0.2.2/')).toBe('hello from the host\n');
    expect(two.busybox('wget', '-q', '-O', '-', 'http://10.0.2.2/')).toBe('hello from the host\n');
    expect(two.busybox('ping', '-c', '1', '10.0.2.2')).toContain(' 0% packet loss');
    expect(two.busybox('ping', '-c', '2', '-i', '0.2', '-s', '5000', '10.0.2.2')).toContain(' 0% packet loss'); // in fragments
  });

  test('TFTP serves a file unchanged, and no file from outside its directory', () => {
    writeFileSync(`${host.home}/tftp/boot.bin`, randomBytes(300_001));
    writeFileSync(`${host.home}/secret`, 'not for guests');
    one.busybox('tftp', '-g', '-r', 'boot.bin', '-l', `${host.home}/got`, '10.0.2.2');
    expect(sha256(`${host.home}/got`)).toBe(sha256(`${host.home}/tftp/boot.bin`));
    expect(() => one.busybox('tftp', '-g', '-r', '../secret', '-l', `${host.home}/stolen`, '10.0.2.2')).toThrow();
    expect(existsSync(`${host.home}/stolen`) && readFileSync(`${host.home}/stolen`, 'utf8')).toBeFalsy();
  });

  test('the host reaches guests by hostfwd, from TCP addresses and a unix socket', async () => {
    const get = (...args: string[]) => host.space.run('curl', '-gs', '--retry', '3', '--retry-all-errors', ...args);
    expect(get('http://127.0.0.1:8080/')).toBe('hello from tap0\n');
    expect(get('http://127.0.0.1:8081/')).toBe('hello from tap1\n');
    expect(get('--unix-socket', `${host.home}/fwd`, 'http://guest/')).toBe('hello from tap0\n');
  });

  test('guestfwd leads to a program, a TCP service or a unix socket, and a closed port ends the connection', () => {
    const long = 'x'.repeat(200_000).replaceAll('xxxxxxxxxx', '0123456789').slice(0, 100_000);
    expect(one.talk('10.0.2.100', 1, 'to a program')).toBe('to a program');
    for (const [address, port] of [['10.0.2.100', 2], ['10.0.2.101', 3], ['10.0.2.4', 4]] as const) // biome-ignore format: rows
      expect(two.talk(address, port, long)).toBe(long);
    expect(one.talk('10.0.2.4', 5, '')).toBe('');
  });

  test('a guest gets an IPv6 address, reaches the host and is reached by hostfwd', async () => {
    const address = await one.ipv6Address();
    expect(one.space.run('curl', '-gs', 'http://[fec0::2]/')).toBe('hello from the host\n');
    // A forward without a guest's address leads to the first guest that spoke IPv6.
    expect(host.space.run('curl', '-gs', 'http://[::1]:8080/')).toMatch(/^hello from tap[01]\n$/);
    expect(await host.ask(`user/hostfwd add tcp:[::1]:8086-[${address}]:80`)).toContain('1000 Success');
    expect(host.space.run('curl', '-gs', '--retry', '3', '--retry-all-errors', 'http://[::1]:8086/')).toBe(
      'hello from tap0\n',
    );
    expect(await host.ask('user/hostfwd del tcp:[::1]:8086')).toContain('1000 Success');
  });

  test('hostfwd carries UDP datagrams, and each answer reaches its sender', async () => {
    const echo = two.space.start('python3', ['-c', UDP_ECHO, '10.0.2.16', '7']);
    await echo.output(/READY/);
    expect(await host.ask('user/hostfwd add udp:127.0.0.1:9007-10.0.2.16:7')).toContain('1000 Success');
    expect(host.space.run('python3', '-c', UDP_CLIENTS, '127.0.0.1', '9007', '20')).toBe('RIGHT 1000\n');
    expect(await host.ask('user/info')).toMatch(/UDP\[HOST_FORWARD\] .*127\.0\.0\.1 +9007 +10\.0\.2\.16 +7/);
    expect(await host.ask('user/hostfwd del udp:127.0.0.1:9007')).toContain('1000 Success');
  });

  test('200 connections at once carry their own bytes and are counted by the metrics', async () => {
    const client = one.space.start('python3', ['-c', MANY, '10.0.2.2', '7', '200']);
    await client.output(/OPEN 200/);
    const connections = () => host.metrics().get('tsvde_attachment_connections{attachment="user0",kind="user"}')!;
    await until(() => connections() >= 200, () => `200 connections, not ${connections()}`); // biome-ignore format: one line
    client.stdin.write('\n');
    await client.output(/RIGHT 200/);
    expect(await client.exited).toEqual({ code: 0, signal: null });
  });

  test('the console adds, lists and removes forwards, and shows connections', async () => {
    expect(await host.ask('user/hostfwd add tcp:127.0.0.1:9000-10.0.2.15:80')).toContain('1000 Success');
    expect(host.space.run('curl', '-s', 'http://127.0.0.1:9000/')).toBe('hello from tap0\n');
    expect(await host.ask('user/hostfwd add tcp:127.0.0.1:9000-10.0.2.15:80')).toContain('1098 Address already in use');
    expect(host.tsvde.stderr()).toContain('cannot add hostfwd tcp:127.0.0.1:9000-10.0.2.15:80: Address already in use');
    expect(await host.ask('user/hostfwd list')).toContain('user0 tcp:127.0.0.1:9000-10.0.2.15:80\n');
    expect(await host.ask('user/info')).toMatch(/TCP\[HOST_FORWARD\] +\d+ +127\.0\.0\.1 +9000 +10\.0\.2\.15 +80/);
    const forwards = () => host.metrics().get('tsvde_attachment_forwards{attachment="user0",kind="user"}');
    await until(() => forwards() === 5, 'the metric of forwards');
    expect(await host.ask('user/hostfwd del user0 tcp:127.0.0.1:9000')).toContain('1000 Success');
    expect(() => host.space.run('curl', '-s', 'http://127.0.0.1:9000/')).toThrow();
    expect(await host.ask('user/hostfwd del tcp:127.0.0.1:9000')).toContain('1002 No such file');
    expect(await host.ask('user/hostfwd add tcp:9000')).toContain('1022 Invalid argument');
    expect(await host.ask('user/hostfwd frob')).toContain('1022 Invalid argument');
    expect(await host.ask('user/info nobody')).toContain('1006 No such device or address');
  });

  test('a stack that dies is started again with the same forwards, and the switch goes on', async () => {
    const pid = Number(execFileSync('pgrep', ['-P', String(host.tsvde.pid), 'tsvde-slirp'], { encoding: 'utf8' }));
    process.kill(pid, 'SIGSEGV');
    await host.tsvde.output(/user0: the user-mode stack died: it ended with SIGSEGV; .* being restarted/);
    expect(one.busybox('ping', '-c', '1', '10.0.2.16')).toContain(' 0% packet loss');
    expect(one.busybox('wget', '-q', '-O', '-', 'http://10.0.2.2/')).toBe('hello from the host\n');
    for (const way of [['http://127.0.0.1:8080/'], ['--unix-socket', `${host.home}/fwd`, 'http://guest/']])
      expect(host.space.run('curl', '-s', '--retry', '5', '--retry-all-errors', ...way)).toBe('hello from tap0\n');
    const restarts = () => host.metrics().get('tsvde_attachment_restarts_total{attachment="user0",kind="user"}');
    await until(() => restarts() === 1, 'the metric of restarts');
  });

  test('a detached network leaves no process, no port of the host and no file', async () => {
    expect(await host.ask('port/detach user0')).toContain('1000 Success');
    expect(() => execFileSync('pgrep', ['-P', String(host.tsvde.pid), 'tsvde-slirp'])).toThrow();
    expect(() => host.space.run('curl', '-s', 'http://127.0.0.1:8080/')).toThrow();
    expect(existsSync(`${host.home}/fwd`)).toBe(false);
    expect(await host.ask('user/info')).toContain('1006 No such device or address');
    expect(one.busybox('ping', '-c', '1', '10.0.2.16')).toContain(' 0% packet loss');
  });
});

const MANY = `
import socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
connections = [socket.create_connection((host, port), 20) for _ in range(count)]
print('OPEN', len(connections), flush=True)
sys.stdin.readline()
for i, connection in enumerate(connections):
    connection.sendall(bytes([i % 256]) * 20000)
right = 0
for i, connection in enumerate(connections):
    connection.shutdown(socket.SHUT_WR)
    answer = b''
    while data := connection.recv(65536):
        answer += data
    right += answer == bytes([i % 256]) * 20000
print('RIGHT', right, flush=True)
`;

const UDP_ECHO = `
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], int(sys.argv[2])))
print('READY', flush=True)
while True:
    server.sendto(*server.recvfrom(65536))
`;

/** Several clients, each of which sends 50 datagrams, from one byte to more than fits in one frame. */
const UDP_CLIENTS = `
import socket, sys
address, count = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3])
clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
right = 0
for i in range(50):
    sent = [bytes([n]) * (1 + 40 * i) for n in range(count)]
    for client, data in zip(clients, sent):
        client.settimeout(5)
        client.sendto(data, address)
    right += sum(client.recv(65536) == data for client, data in zip(clients, sent))
print('RIGHT', right)
`;

describeWith(USER_NEEDS, 'a restricted network', () => {
  test('a restricted network allows only DHCP, TFTP and forwards', async () => {
    const host = await userHost(
      'user,restrict=on,tftp=HOME/tftp,hostfwd=tcp:127.0.0.1:8080-:80,guestfwd=tcp:10.0.2.100:2-tcp:127.0.0.1:7',
    );
    const guest = host.guest('tap0');
    const lease = guest.takeLease();
    expect(lease).toMatchObject({ ip: '10.0.2.15' });
    expect(lease.router).toBeUndefined();
    guest.space.run('ip', 'route', 'add', 'default', 'via', '10.0.2.2');
    expect(() => guest.talk('10.0.2.2', 7, 'blocked')).toThrow(/refused|timed out/);
    expect(() => guest.busybox('timeout', '2', 'nslookup', 'test.example', '10.0.2.3')).toThrow();
    writeFileSync(`${host.home}/tftp/file`, 'allowed');
    guest.busybox('tftp', '-g', '-r', 'file', '-l', `${host.home}/got`, '10.0.2.2');
    expect(readFileSync(`${host.home}/got`, 'utf8')).toBe('allowed');
    expect(guest.talk('10.0.2.100', 2, 'allowed')).toBe('allowed');
    guest.serve('10.0.2.15:80');
    expect(host.space.run('curl', '-s', '--retry', '3', '--retry-all-errors', 'http://127.0.0.1:8080/')).toBe(
      'hello from tap0\n',
    );
  });
});

describeWith(USER_NEEDS, 'a tsvde that is killed', () => {
  test('a killed tsvde ends its user-mode stack', async () => {
    const host = await userHost('user,hostfwd=tcp:127.0.0.1:8080-:80');
    host.guest('tap0').takeLease();
    const pid = Number(execFileSync('pgrep', ['-P', String(host.tsvde.pid), 'tsvde-slirp'], { encoding: 'utf8' }));
    expect(isRunning(pid)).toBe(true);
    await host.tsvde.stop('SIGKILL');
    await until(() => !isRunning(pid), 'the end of the stack');
  });
});

describeWith(USER_NEEDS, 'a network with other addresses', () => {
  test('net, host, dns, dhcpstart, ipv6-prefix and mtu apply to guests, and host-loopback=off blocks the host', async () => {
    const host = await userHost(
      'user,net=192.168.7.0/25,host=192.168.7.1,dns=192.168.7.2,dhcpstart=192.168.7.99,ipv6-prefix=fd07::,host-loopback=off,mtu=1400',
    );
    const guest = host.guest('tap0');
    expect(guest.takeLease()).toMatchObject({
      ip: '192.168.7.99',
      mask: '25',
      router: '192.168.7.1',
      dns: '192.168.7.2',
    });
    expect(guest.busybox('ping', '-c', '1', '192.168.7.1')).toContain(' 0% packet loss');
    await guest.ipv6Address('fd07');
    expect(guest.busybox('ping', '-6', '-c', '1', 'fd07::2')).toContain(' 0% packet loss');
    expect(guest.space.run('ip', '-6', 'addr', 'show', 'dev', 'tap0')).not.toContain('fec0:');
    expect(() => guest.talk('192.168.7.1', 7, 'blocked')).toThrow(/refused|unreachable|timed out/i);
    // A frame longer than the MTU is dropped and counted.
    expect(() => guest.busybox('ping', '-c', '1', '-W', '1', '-s', '1472', '192.168.7.1')).toThrow();
    const dropped = 'tsvde_attachment_drop_too_long_total{attachment="user0",kind="user"}';
    await until(() => host.metrics().get(dropped) === 1, 'the dropped frame to be counted');
  });
});

describeWith(USER_NEEDS, 'a host with only IPv6 name servers', () => {
  test("guests' queries to the IPv4 name server are answered, and the log says once how they are relayed", async () => {
    const host = await userHost('user', '::1');
    const guest = host.guest('tap0');
    expect(guest.takeLease()).toMatchObject({ dns: '10.0.2.3' });
    for (let i = 0; i < 3; i++) expect(guest.busybox('nslookup', 'test.example', '10.0.2.3')).toMatch(/192\.0\.2\.77/);
    await host.tsvde.output(/the host has only IPv6 name servers: .* UDP queries to 10\.0\.2\.3 are relayed/);
    expect(host.tsvde.stderr().match(/only IPv6 name servers/g)).toHaveLength(1);
  });
});
