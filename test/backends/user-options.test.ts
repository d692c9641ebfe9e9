// The keys of a user-mode network: QEMU's rules for them, a sentence that names the key for each refusal, defaults that
// follow from other keys, and a missing library.
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatHostForward, guestForward, hostForward } from '../../src/backends/user/forward.ts';
import { formatNet4, net4, planNetwork } from '../../src/backends/user/network.ts';
import { SwitchError } from '../../src/index.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/protocol/ip.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { run, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

describe('addresses', () => {
  test.each([
    ['fec0::', '254x192'],
    ['::1', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['fe80::1%eth0', undefined],
    ['1:2', undefined],
    ['', undefined],
    ['g::', undefined],
  ])('the IPv6 address `%s` is parsed or refused', (text, canonical) => {
    const address = parseIpv6(text);
    if (canonical === '254x192') expect(address).toBe(0xfec0n << 112n);
    else expect(address === undefined ? undefined : formatIpv6(address)).toBe(canonical);
  });

  test.each([
    ['10.0.2.2', 0x0a000202],
    ['255.255.255.255', 0xffffffff],
    ['256.0.0.1', undefined],
    ['10.0.2', undefined],
    ['10.0.2.2 ', undefined],
  ])('the IPv4 address `%s` is parsed or refused', (text, address) => {
    expect(parseIpv4(text)).toBe(address);
    if (address !== undefined) expect(formatIpv4(address)).toBe(text);
  });

  test.each([
    ['10.0.2.77/24', '10.0.2.0/24'],
    ['192.168.9.1/255.255.255.128', '192.168.9.0/25'],
    ['10.1.2.3', '10.0.0.0/8'],
    ['172.20.0.0', '172.16.0.0/12'],
    ['150.1.2.3', '150.1.0.0/16'],
    ['192.168.3.4', '192.168.0.0/16'],
    ['198.18.3.4', '198.18.0.0/15'],
    ['203.0.113.9', '203.0.113.0/24'],
    ['240.0.0.19', '240.0.0.16/28'],
    ['10.0.2.0/255.0.255.0', '10.0.2.0/255.0.255.0'],
  ])('the network %s is read as by QEMU', (text, net) => {
    expect(formatNet4(net4.parse(text)!)).toBe(net);
  });

  test('addresses that are not given follow from the network', () => {
    const { ipv4, ipv6 } = planNetwork({ restrict: false, net: net4.parse('192.168.0.0/16')! });
    expect([ipv4!.host, ipv4!.dns, ipv4!.dhcpstart].map(formatIpv4)).toEqual([
      '192.168.2.2',
      '192.168.2.3',
      '192.168.2.15',
    ]);
    expect([ipv6!.prefix, ipv6!.host, ipv6!.dns].map(formatIpv6)).toEqual(['fec0::', 'fec0::2', 'fec0::3']);
    expect(planNetwork({ restrict: false, ipv4: true }).ipv6).toBeUndefined();
    expect(planNetwork({ restrict: false, ipv6: true }).ipv4).toBeUndefined();
    expect(planNetwork({ restrict: false, ipv6: false }).ipv4).toBeDefined();
  });

  test('a name server may be outside the network when restrict is off', () => {
    const outside = { dns: parseIpv4('8.8.8.8')!, 'ipv6-dns': parseIpv6('fd00::9')! };
    const { ipv4, ipv6 } = planNetwork({ restrict: false, ...outside });
    expect([formatIpv4(ipv4!.dns), formatIpv6(ipv6!.dns)]).toEqual(['8.8.8.8', 'fd00::9']);
  });
});

describe('forwarding rules', () => {
  test.each([
    ['tcp::2222-:22', 'tcp::2222-:22'],
    [':127.0.0.1:80-10.0.2.15:80', 'tcp:127.0.0.1:80-10.0.2.15:80'],
    ['udp:[::]:53-[FEC0::15]:53', 'udp:[::]:53-[fec0::15]:53'],
    ['unix:/run/a-b/s-:22', 'unix:/run/a-b/s-:22'],
    ['tcp::0-:22', 'tcp::0-:22'],
    ['udp:[::1]:0-:22', 'udp:[::1]:0-:22'],
  ])('hostfwd %s is parsed', (rule, canonical) => {
    expect(formatHostForward(hostForward.parse(rule)!)).toBe(canonical);
  });

  test.each([
    '',
    'tcp',
    'tcp::22-:0',
    'tcp::22-:65536',
    'tcp::22',
    'sctp::1-:2',
    'tcp:host:1-:2',
    'unix:s-:1',
    'tcp:::1:2-:3',
    'tcp:[10.0.0.1]:1-:2',
  ])(
    // biome-ignore format: one line
    'hostfwd %s is invalid',
    (rule) => expect(hostForward.parse(rule)).toBeUndefined(),
  );

  test.each([
    ['tcp:10.0.2.100:80-cmd:nc -U /x-y:1', { kind: 'cmd', command: 'nc -U /x-y:1' }],
    [':10.0.2.100:80-tcp:[::1]:8080', { kind: 'tcp', host: '::1', port: 8080 }],
    ['tcp::80-unix:/run/s', { kind: 'unix', path: '/run/s' }],
  ])('guestfwd %s is parsed', (rule, target) => {
    expect(guestForward.parse(rule)?.target).toEqual(target);
  });

  test.each([
    'tcp:10.0.2.100:80',
    'udp:10.0.2.100:80-cmd:x',
    'tcp:10.0.2.100:0-cmd:x',
    'tcp:a:80-cmd:x',
    'tcp::80-stdio',
    'tcp::80-cmd:',
    'tcp::80-tcp:host',
    'tcp::80-unix:/x,server=on',
  ])(
    // biome-ignore format: one line
    'guestfwd %s is invalid',
    (rule) => expect(guestForward.parse(rule)).toBeUndefined(),
  );
});

test.each([
  ['ipv4=off,ipv6=off', /ipv4 and ipv6 are both off/],
  ['ipv4=maybe', /ipv4 is 'maybe': it must be on or off/],
  ['ipv6=on,net=10.0.0.0/8', /net is given, but ipv4 is off/],
  ['ipv4=on,ipv6-host=fec0::9', /ipv6-host is given, but ipv6 is off/],
  ['net=10.0.2.0/3', /net is '10.0.2.0\/3': it must be ADDRESS\/LENGTH, its length from 4 to 32/],
  ['net=10.0.0.0/8,ip=10.0.0.0', /net and ip set the same/],
  ['host=10.0.3.2', /host 10.0.3.2 is not in 10.0.2.0\/24/],
  ['dns=10.0.2.2', /dns and host are both 10.0.2.2/],
  ['dns=8.8.8.8,restrict=on', /dns 8.8.8.8 is not in 10.0.2.0\/24, as restrict=on requires/],
  ['dhcpstart=10.0.2.2', /dhcpstart is 10.0.2.2, which is host/],
  ['dhcpstart=10.0.2.3', /dhcpstart is 10.0.2.3, which is dns/],
  ['dhcpstart=10.1.2.3', /dhcpstart 10.1.2.3 is not in/],
  ['ipv6-prefix=fec0', /ipv6-prefix is 'fec0': it must be an IPv6 address/],
  ['ipv6-prefixlen=127', /ipv6-prefixlen is '127': it must be a number from 0 to 126/],
  ['ipv6-net=fd00::/127', /ipv6-net is 'fd00::\/127'/],
  ['ipv6-host=fec1::2', /ipv6-host fec1::2 is not in fec0::\/64/],
  ['ipv6-dns=fd00::9,restrict=on', /ipv6-dns fd00::9 is not in fec0::\/64, as restrict=on requires/],
  ['ipv6-dns=fec0::2', /ipv6-dns and ipv6-host are both fec0::2/],
  [`hostname=${'x'.repeat(33)}`, /hostname is 'x+': it must be text of 1 to 32 bytes/],
  [`bootfile=${'x'.repeat(128)}`, /bootfile is 'x+': it must be text of 1 to 127/],
  ['hostfwd=tcp:80', /hostfwd is 'tcp:80': it must be \[tcp\|udp\]:\[ADDRESS\]:PORT/],
  ['ipv6=on,hostfwd=tcp::80-:80', /hostfwd has no guest address, and ipv4 is off/],
  ['guestfwd=tcp::80-stdio', /guestfwd is 'tcp::80-stdio': it must be .*cmd:PROGRAM, tcp:HOST:PORT or unix:PATH/],
  ['guestfwd=tcp:10.0.2.2:80-cmd:x', /guestfwd's 10.0.2.2 is the host address/],
  ['guestfwd=tcp:10.9.2.2:80-cmd:x', /guestfwd's 10.9.2.2 is not in the guests' network/],
  ['guestfwd=tcp::80-cmd:x,guestfwd=tcp:10.0.2.4:80-cmd:y', /two forwards begin at 10.0.2.4:80/],
  ['smbserver=10.0.2.9', /smbserver is given without smb/],
  ['tftp=/no/such/directory', /tftp cannot serve '\/no\/such\/directory': No such file or directory/],
  ['mtu=100', /mtu is '100': it must be a number from 576/],
  ['tftpp=/tmp', /user has no key 'tftpp'; did you mean 'tftp'\?/],
  ['bootp=x', /user has no key 'bootp'/],
])('user,%s is refused and leaves the switch unchanged', async (keys, sentence) => {
  const { sw } = await network();
  const failure = await sw.attach(`user,${keys}`).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SwitchError);
  expect((failure as Error).message).toMatch(sentence);
  expect(sw.attachments()).toEqual([]);
  expect(sw.ports.list()).toEqual([]);
});

test('a forward that cannot be bound stops the start with a sentence and leaves nothing behind', async () => {
  const home = temporaryDirectory();
  writeFileSync(`${home}/file`, '');
  const path = await run(tsvde, ['-s', `${home}/ctl`, '--port', `user,hostfwd=unix:${home}/file-:1`]);
  expect(path).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/'.*\/file' is in the way and is not a socket/),
  });
  const address = await run(tsvde, ['-s', `${home}/ctl`, '--port', 'user,hostfwd=tcp:192.0.2.1:1-:1']);
  expect(address).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('cannot add hostfwd tcp:192.0.2.1:1-:1: Cannot assign requested address'),
  });
  expect(readdirSync(home)).toEqual(['file']);
});

test('a forward from port 0 shows its real port in the log, the list, its JSON and user/info', async () => {
  const rules = ['tcp:127.0.0.1:0-:22', 'udp::0-10.0.2.15:53', 'tcp:[::1]:0-[fec0::15]:80'];
  const spec = ['user', ...rules.map((rule) => `hostfwd=${rule}`)].join(',');
  const { started } = await startTsvde(['--port', spec]);
  const portOf = async (rule: string) =>
    (await started.output(new RegExp(`hostfwd ${rule.replace(/[[\]]/g, '\\$&')} has port ([1-9]\\d*)\\n`)))[1]!;
  const real: string[] = [];
  for (const rule of rules) real.push(rule.replace(':0-', `:${await portOf(rule)}-`));
  for (const line of ['user/hostfwd list', 'json user/hostfwd list', 'user/info']) started.stdin.write(`${line}\n`);
  const replies = await until(() => /(?:[\s\S]*1000 Success\n){3}/.exec(started.stdout())?.[0], 'three replies');
  const [list = '', json = '', info = ''] = replies.split(/1000 Success\n/);
  for (const rule of real) {
    expect(list).toContain(` ${rule}\n`);
    expect(json).toContain(`"rule":"${rule}"`);
    expect(info).toMatch(new RegExp(` ${/:(\d+)-/.exec(rule)![1]} `));
  }
});

describeWith(['root', 'ip'], 'a host without a network', () => {
  test('a guestfwd host without an address is refused', async () => {
    const started = namespace().start(tsvde, ['-s', `${temporaryDirectory()}/ctl`, '--port', SPEC]);
    expect((await started.exited).code).toBe(1);
    expect(started.stderr()).toContain("user: guestfwd's host 'no.such.host.invalid' has no address");
  });
  const SPEC = 'user,guestfwd=tcp::80-tcp:no.such.host.invalid:80';
});

describeWith(['root', 'unshare', 'gcc', 'ldconfig'], 'libslirp', () => {
  const installed = () =>
    /libslirp\.so\.0 .*=> (\S+)/.exec(execFileSync('ldconfig', ['-p'], { encoding: 'utf8' }))![1]!;

  test('a missing libslirp causes one sentence that names the package, and leaves nothing behind', async () => {
    const home = temporaryDirectory();
    const command = `mount --bind /dev/null ${installed()} && exec ${tsvde} -s ${home}/ctl --port user`;
    const { code, stderr } = await run('unshare', ['--mount', 'sh', '-c', command]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tsvde: .*libslirp\.so\.0: .*: install the package libslirp0 .*\n$/);
    expect(readdirSync(home)).toEqual([]);
  });

  test('a libslirp that is too old causes one sentence that names the package', async () => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/old.c`, 'const char *slirp_version_string(void) { return "4.6.1"; }\n');
    execFileSync('gcc', ['-shared', '-fPIC', '-o', `${home}/libslirp.so.0`, `${home}/old.c`]);
    const { code, stderr } = await run(tsvde, ['-s', `${home}/ctl`, '--port', 'user'], {
      env: { ...process.env, LD_LIBRARY_PATH: home },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tsvde: .*libslirp 4\.6\.1 cannot be used: it must be 4\.7 .*libslirp0.*\n$/);
  });
});
