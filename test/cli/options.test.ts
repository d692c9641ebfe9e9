// Parsing of the command line: getopt_long_only's spellings, and the command lines of programs that start vde_switch.
import { describe, expect, test } from 'vitest';
import { normalize } from '../../src/cli/long-only.ts';
import { parseOptions } from '../../src/cli/options.ts';

const words = (line: string) => line.split(' ').filter((word) => word !== '');

describe('spellings', () => {
  const options = [
    { long: 'sock', aliases: ['vdesock', 'unix'], short: 's', takesValue: true },
    { long: 'mode', aliases: ['mod'], short: 'm', takesValue: true },
    { long: 'mgmt', short: 'M', takesValue: true },
    { long: 'mgmtmode', takesValue: true },
    { long: 'numports', short: 'n', takesValue: true },
    { long: 'hub', short: 'x', takesValue: false },
    { long: 'daemon', short: 'd', takesValue: false },
    { long: 'dirmode', takesValue: true },
    { long: 'help', short: 'h', takesValue: false },
    { long: 'strict', takesValue: false, whole: true },
  ];

  test.each([
    ['--sock /d', '--sock=/d'],
    ['-sock /d', '--sock=/d'],
    ['--sock=/d', '--sock=/d'],
    ['-sock=/d', '--sock=/d'],
    ['-s /d', '--sock=/d'],
    ['-s/d', '--sock=/d'],
    ['-s=/d', '--sock=/d'],
    ['--s /d', '--sock=/d'],
    ['-unix /d', '--sock=/d'],
    ['--vdesock=/d', '--sock=/d'],
    ['--sock=', '--sock='],
    ['-sock=a=b', '--sock=a=b'],
    ['-nu 5', '--numports=5'],
    ['-n5', '--numports=5'],
    ['-da', '--daemon'],
    ['-d', '--daemon'],
    ['-di 700', '--dirmode=700'],
    ['-hub', '--hub'],
    ['-h', '--help'],
    ['-xd', '--hub --daemon'],
    ['-xn5', '--hub --numports=5'],
    ['-xdn 5 -x', '--hub --daemon --numports=5 --hub'],
    ['-mod 660', '--mode=660'],
    ['-m 660', '--mode=660'],
    ['-mgmt /m', '--mgmt=/m'],
    ['-mgmtm 600', '--mgmtmode=600'],
    ['-M -x', '--mgmt=-x'],
    ['-s9', '--sock=9'],
    ['--strict', '--strict'],
    ['a -x b', '--hub -- a b'],
    ['-x -- -d', '--hub -- -d'],
    ['-x -', '--hub -- -'],
    ['', ''],
  ])('`%s` is read as `%s`', (line, expected) => {
    expect(normalize(words(line), options)).toEqual(words(expected));
  });

  test.each([
    ['--foo', "unknown option '--foo'; --help lists the options"],
    ['--socket /d', "unknown option '--socket'; did you mean '--sock'?"],
    ['--deamon', "unknown option '--deamon'; did you mean '--daemon'?"],
    ['--stric', "unknown option '--stric'; did you mean '--strict'?"],
    ['-mg /m', "option '-mg' is ambiguous: it may be --mgmt, --mgmtmode"],
    ['--hub=1', "option '--hub' takes no value"],
    ['--sock', "option '--sock' needs a value"],
    ['-xs', "option '-s' needs a value"],
    ['-xq', "unknown option '-q' in '-xq'; --help lists the options"],
  ])('%s is refused', (line, message) => {
    expect(() => normalize(words(line), options)).toThrow(expect.objectContaining({ message, exitCode: 2 }));
  });
});

const defaults = {
  switch: { hub: false, numPorts: 32, hashSize: 128 },
  listen: { portZeroMode: 0o600 },
  taps: [],
  management: undefined,
  metrics: undefined,
  web: undefined,
  webHosts: [],
  pidFile: undefined,
  daemon: false,
  readStdin: true,
};
const inBackground = { daemon: true, readStdin: false };

describe('command lines of programs that start vde_switch', () => {
  test.each([
    ['NixOS', '--sock /t/vde1.ctl --dirmode 0700 --hub', { switch: { hub: true }, listen: { dirMode: 0o700 } }],
    ['NixOS before 2025', '-s /t/d --dirmode 0700 --hub', { listen: { directory: '/t/d', dirMode: 0o700 } }],
    [
      'Kathará',
      '-n 65535 -x -d -s /h/kt-0/ctl -p /h/kt-0/pid',
      { ...inBackground, switch: { numPorts: 65535, hub: true }, pidFile: '/h/kt-0/pid' },
    ],
    ["Kathará's managed fork", '-d -s /h/ctl -p /h/pid -M /h/mgmt', { management: { path: '/h/mgmt', mode: 0o600 } }],
    [
      'Marionnet',
      '-tap T -x -n 9 -mod 777 --rcfile /F -unix /t/S --mgmt /t/S-mgmt',
      { taps: ['T'], switch: { numPorts: 9 }, listen: { mode: 0o777, directory: '/t/S' }, rcFile: '/F' },
    ],
    [
      'Virtualbricks',
      '-x -n 32 --macaddr 00:aa:bb:cc:dd:01 -m 660 -g g --mgmtmode 660 --mgmtgroup g -s /X.ctl -M /X.mgmt',
      {
        switch: { mac: '00:aa:bb:cc:dd:01' },
        listen: { mode: 0o660, group: 'g', portZeroMode: 0o660, portZeroGroup: 'g' },
        management: { path: '/X.mgmt', mode: 0o660, group: 'g' },
      },
    ],
    [
      'Lima',
      '--pidfile=/p --sock=/private/var/run/lima/shared.ctl --group=everyone --dirmode=0770 --nostdin',
      { pidFile: '/p', listen: { group: 'everyone', dirMode: 0o770 }, daemon: false, readStdin: false },
    ],
    ['docker', '--sock /S --mgmt /M --numports 8 --group g', { listen: { group: 'g' }, readStdin: true }],
    ['LKL', '-d -t tap0 -s /S -p /S.pid', { ...inBackground, taps: ['tap0'], pidFile: '/S.pid' }],
    [
      'picoTCP',
      '-s /tmp/pic0.ctl -m 777 -M /tmp/pico.mgmt -d -hub -x -t vde0',
      { ...inBackground, switch: { hub: true }, listen: { mode: 0o777 }, taps: ['vde0'] },
    ],
    ['Samba', '--pidfile /P/vde.pid --sock /P/vde.sock --daemon', { ...inBackground, pidFile: '/P/vde.pid' }],
    ['ktest', '-sock net', { listen: { directory: `${process.cwd()}/net` } }],
    [
      "Debian's ifupdown",
      '-tap tap0 -s /var/run/vde2/tap0.ctl -m 660 -g vde2-net -M /var/run/vde2/tap0.mgmt --mgmtmode 660 -d',
      { ...inBackground, taps: ['tap0'], listen: { mode: 0o660, group: 'vde2-net' }, management: { mode: 0o660 } },
    ],
    ['Arch', '-tap tap0 -daemon -mod 660 -group kvm', { ...inBackground, listen: { group: 'kvm', mode: 0o660 } }],
    [
      '86Box',
      '--mode 666 --numports 8 --mgmt /tmp/vde.mgmt --mgmtmode 666 -s /tmp/vde.ctl',
      { switch: { numPorts: 8 }, management: { mode: 0o666 } },
    ],
    ['OpenMesh', '-d --hub --sock num1.ctl -f colourful.rc', { rcFile: `${process.cwd()}/colourful.rc` }],
    [
      'a script',
      '--daemon --nostdin --numports 64 --sock /D --pidfile /P --dirmode 0700 --mode 0600',
      { ...inBackground, listen: { dirMode: 0o700, mode: 0o600 } },
    ],
  ])('the options of %s are parsed', (_, line, expected) => {
    expect(parseOptions(words(line))).toMatchObject(expected);
  });
});

describe('values', () => {
  test.each([
    ['two TAPs', '-daemon -hub -sock /tmp/tapsock -tap tap0,tap1 -t tap2', { taps: ['tap0', 'tap1', 'tap2'] }],
    ['a name', '-name lab --nu 4', { switch: { name: 'lab', numPorts: 4 } }],
    ['a number in hex', '-n 0x10 --hashsize 0x40', { switch: { numPorts: 16, hashSize: 64 } }],
    ['a mode with leading zeroes', '-m 000660', { listen: { mode: 0o660 } }],
    ['an empty command line', '', defaults],
    [
      'a repeated option, whose last value wins',
      '-n 4 -s /a -n 5 -s /b',
      { switch: { numPorts: 5 }, listen: { directory: '/b' } },
    ],
    ['debug options, which have no effect', '-D 1 --debugclients 2', defaults],
    ['a TAP named by the kernel', '--tap=', { taps: [''] }],
  ])('parseOptions accepts %s', (_, line, expected) => {
    expect(parseOptions(words(line))).toMatchObject(expected);
  });
});

test.each([
  ['-F --priority 4096', { fstp: true, priority: 4096 }],
  ['--fstp', { fstp: true, priority: 0x8000 }],
  ['--priority 0x11000', { fstp: false, priority: 0x1000 }],
  ['--strict-vlan', { strictVlan: true }],
  ['--busy-poll 30', { busyPollUs: 30 }],
  ['--busy-poll auto', { busyPollUs: 'auto' }],
])('%s sets options of the switch', (line, expected) => {
  expect(parseOptions(words(line)).switch).toMatchObject(expected);
});

describe('invalid options', () => {
  test.each([
    ['--priority high', 1, "'high' is not a number"],
    ['--port tab', 1, "--port: there is no kind of port 'tab'; did you mean 'tap'?"],
    ['/tmp/my.ctl', 1, "'/tmp/my.ctl' is not an option; name the control directory with --sock"],
    ['-n 0', 1, 'The switch must have at least 1 port'],
    ['-n many', 1, "'many' is not a number: give it in decimal, or in hex with 0x"],
    ['-n -1', 1, "'-1' is not a number"],
    ['--busy-poll often', 1, "'often' is neither 'auto' nor a number of microseconds"],
    ['--busy-poll -1', 1, "'-1' is neither 'auto' nor a number of microseconds"],
    ['-m 9', 2, "'9' is not a mode: give it in octal, like 660"],
    ['-m 10000', 2, "'10000' is not a mode"],
    ['-s=', 2, "'' is not a path"],
    ['--mgmt=', 2, "'' is not a path"],
  ])('%s is refused', (line, exitCode, message) => {
    expect(() => parseOptions(words(line))).toThrow(
      expect.objectContaining({ exitCode, message: expect.stringContaining(message) }),
    );
  });
});
