// Access to ports by real users of this machine: the kernel reports a client's uid, whatever the client claims.
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ListenOptions } from '../../src/index.ts';
import { describeWith } from '../support/needs.ts';
import { type Network, network } from '../support/network.ts';
import { type Started, start, tsvde } from '../support/process.ts';
import { JOIN } from '../support/python.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

/** Debian's user ids. */
const IDS = { root: 0, daemon: 1, bin: 2, games: 5, nobody: 65534 } as const;
const USERS_GROUP = 100;
/** A python3 that every user may run: the first one in root's PATH may be closed to other users. */
const PYTHON = '/usr/bin/python3';
type User = keyof typeof IDS;

async function open(options: Partial<ListenOptions> = { mode: 0o666 }): Promise<Network> {
  const net = await network(options);
  chmodSync(`${net.directory}/..`, 0o755);
  return net;
}

function as(user: User, command: readonly string[], groups = '--clear-groups'): Started {
  const gid = user === 'nobody' ? 65534 : user === 'games' ? 60 : IDS[user];
  return start('setpriv', ['--reuid', String(IDS[user]), '--regid', String(gid), groups, ...command]);
}

/** Returns whether a vde_plug that runs as the user gets the port. */
async function joins({ sw, directory }: Network, user: User, port: string, groups?: string): Promise<boolean> {
  const endpoints = () => sw.ports.list().reduce((sum, one) => sum + one.endpoints.length, 0);
  const before = endpoints();
  const plug = as(user, ['vde_plug', `${directory}${port}`], groups);
  await until(() => endpoints() > before || !plug.running, 'an answer');
  const granted = endpoints() > before;
  await plug.stop();
  await until(() => endpoints() === before, 'the plug to disconnect');
  return granted;
}

/** Python code that asks for port 4 from an abstract address. */
const claim = (directory: string) => `${JOIN}
import os
name = (b'\\0tsvde-%d' % os.getpid()).ljust(108, b'\\0')
d = data_socket(name)
s, reply = ask('${directory}/ctl', name, 4, b'user=root pid=1')
print('answer', len(reply), flush=True)`;

describeWith(['root', 'setpriv', 'vde_plug', PYTHON], 'access to ports', () => {
  describe('port/setuser and port/setgroup', () => {
    test.each<[string, (net: Network) => void, User[], User[]]>([
      [
        'a port reserved by user name admits that user and root',
        ({ sw }) => sw.ports.setUser(4, 'daemon'),
        ['daemon', 'root'],
        ['bin', 'nobody'],
      ],
      [
        'a port reserved by uid admits that user and root',
        ({ sw }) => sw.ports.setUser(4, '2'),
        ['bin', 'root'],
        ['daemon', 'nobody'],
      ],
      [
        'a port reserved for a group admits a user whose primary group it is, and root',
        ({ sw }) => sw.ports.setGroup(4, 'daemon'),
        ['daemon', 'root'],
        ['bin'],
      ],
      [
        'a port reserved for a user and a group admits both, and root',
        ({ sw }) => {
          sw.ports.setUser(4, 'games');
          sw.ports.setGroup(4, 'bin');
        },
        ['games', 'bin', 'root'],
        ['daemon', 'nobody'],
      ],
      [
        'a port whose user was reset to NONE admits every user',
        ({ sw }) => {
          sw.ports.setUser(4, 'daemon');
          sw.ports.setUser(4, 'NONE');
        },
        ['daemon', 'nobody'],
        [],
      ],
    ])('%s', async (_, reserve, granted, refused) => {
      const net = await open();
      net.sw.ports.create(4);
      reserve(net);
      for (const user of granted) expect(await joins(net, user, '[4]'), user).toBe(true);
      for (const user of refused) expect(await joins(net, user, '[4]'), user).toBe(false);
      for (const user of refused)
        expect(net.log).toContainEqual(
          expect.stringMatching(new RegExp(`uid ${IDS[user]}\\): .*port 4 is reserved for another user or group`)),
        );
    });

    test('a port in use admits more clients of the same user and refuses all other users, root included', async () => {
      const net = await open();
      const first = as('daemon', ['vde_plug', `${net.directory}[4]`]);
      await until(() => net.sw.ports.get(4)?.active, 'the first plug');
      expect(await joins(net, 'daemon', '[4]')).toBe(true);
      expect(await joins(net, 'bin', '[4]')).toBe(false);
      expect(await joins(net, 'root', '[4]')).toBe(false);
      expect(net.sw.ports.get(4)?.currentUser).toBe(IDS.daemon);
      await first.stop();
    });

    test('a client with an abstract address is identified by the uid that the kernel reports', async () => {
      const net = await open();
      net.sw.ports.create(4);
      net.sw.ports.setUser(4, 'root');
      await as('nobody', [PYTHON, '-c', claim(net.directory)]).output(/answer 0\n/);
      await as('root', [PYTHON, '-c', claim(net.directory)]).output(/answer 110\n/);
    });
  });

  describe('modes and groups of the sockets', () => {
    test('-m 660 -g users admits only members of the group and root', async () => {
      const net = await open({ mode: 0o660, group: 'users' });
      expect(await joins(net, 'bin', '', `--groups=${USERS_GROUP}`)).toBe(true);
      expect(await joins(net, 'bin', '')).toBe(false);
      expect(await joins(net, 'root', '')).toBe(true);
      expect(net.log).toEqual([]);
    });

    test('the default modes admit only the owner', async () => {
      const net = await open({});
      expect(await joins(net, 'nobody', '')).toBe(false);
      expect(await joins(net, 'root', '')).toBe(true);
    });

    test('only the client may send to its data socket: another user cannot send into the port', async () => {
      const net = await open();
      const first = as('daemon', ['vde_plug', `${net.directory}[4]`]);
      await until(() => net.sw.ports.get(4)?.active, 'the first plug');
      const send = `
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
try: s.sendto(b'x' * 60, '${net.directory}/004.1')
except OSError as e: print(e.strerror, flush=True)`;
      await as('bin', [PYTHON, '-c', send]).output(/Permission denied/);
      expect(net.sw.counters().find(({ port }) => port === 4)?.receiveBytes).toBe(0n);
      await first.stop();
    });
  });
});

describeWith(['root', 'setpriv', 'unshare', 'mount', PYTHON], 'supplementary groups', () => {
  const MANY = 150;
  // The groups that the switch sees in place of this machine's. Besides their own groups, daemon and bin are in the
  // group lab, and games is in many groups.
  const groups = [
    'root:x:0:',
    'daemon:x:1:',
    'bin:x:2:',
    'games:x:60:',
    'lab:x:64000:bin,daemon',
    'empty:x:64001:',
    ...Array.from({ length: MANY }, (_, i) => `many${i}:x:${64100 + i}:games`),
  ];

  /** Starts a switch whose port 4 is reserved for a group. */
  async function reservedFor(group: string): Promise<{ started: Started; directory: string }> {
    const home = temporaryDirectory();
    chmodSync(home, 0o755);
    writeFileSync(`${home}/group`, groups.map((line) => `${line}\n`).join(''));
    writeFileSync(`${home}/rc`, `port/create 4\nport/setgroup 4 ${group}\n`);
    const directory = `${home}/ctl`;
    const line = `mount --bind ${home}/group /etc/group && exec "$@"`;
    const words = [tsvde, '-s', directory, '-m', '666', '-f', `${home}/rc`, '--ready-fd', '3'];
    const started = start('unshare', ['--mount', 'sh', '-c', line, 'sh', ...words], { tellsReady: true });
    await started.ready;
    return { started, directory };
  }

  test.each<[string, User[], User[]]>([
    ['lab', ['daemon', 'bin', 'root'], ['games', 'nobody']],
    ['daemon', ['daemon', 'root'], ['bin', 'games']],
    ['empty', ['root'], ['daemon', 'bin']],
    ['many0', ['games'], ['daemon']],
    [`many${MANY - 1}`, ['games'], ['daemon']],
  ])('a port reserved for the group %s admits %j, and refuses %j', async (group, granted, refused) => {
    const { started, directory } = await reservedFor(group);
    for (const user of granted) await as(user, [PYTHON, '-c', claim(directory)]).output(/answer 110\n/);
    for (const user of refused) await as(user, [PYTHON, '-c', claim(directory)]).output(/answer 0\n/);
    const refusals = () => started.stderr().match(/port 4 is reserved for another user or group/g)?.length;
    await until(() => refusals() === refused.length, 'a log line for each refusal');
  });
});
