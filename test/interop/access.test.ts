// Who may join which port, by real users of this machine: their uid is the kernel's word, whatever a client says of itself.
import { chmodSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ListenOptions } from '../../src/index.ts';
import { describeWith } from '../support/needs.ts';
import { type Network, network } from '../support/network.ts';
import { type Started, start } from '../support/process.ts';
import { until } from '../support/wait.ts';

/** Debian's, with a primary group of the same name. */
const IDS = { root: 0, daemon: 1, bin: 2, games: 5, nobody: 65534 } as const;
const USERS_GROUP = 100;
/** What is first in root's PATH may be root's alone. */
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

/** Does vde_plug of that user get the port? */
async function joins({ sw, directory }: Network, user: User, port: string, groups?: string): Promise<boolean> {
  const endpoints = () => sw.ports.list().reduce((sum, one) => sum + one.endpoints.length, 0);
  const before = endpoints();
  const plug = as(user, ['vde_plug', `${directory}${port}`], groups);
  await until(() => endpoints() > before || !plug.running, 'an answer');
  const granted = endpoints() > before;
  await plug.stop();
  await until(() => endpoints() === before, 'its end');
  return granted;
}

describeWith(['root', 'setpriv', 'vde_plug', PYTHON], 'access', () => {
  describe('by port/setuser and port/setgroup', () => {
    test.each<[string, (net: Network) => void, User[], User[]]>([
      ['a user', ({ sw }) => sw.ports.setUser(4, 'daemon'), ['daemon', 'root'], ['bin', 'nobody']],
      ['a number', ({ sw }) => sw.ports.setUser(4, '2'), ['bin', 'root'], ['daemon', 'nobody']],
      [
        'a group, which is the primary one of a user',
        ({ sw }) => sw.ports.setGroup(4, 'daemon'),
        ['daemon', 'root'],
        ['bin'],
      ],
      [
        'either',
        ({ sw }) => {
          sw.ports.setUser(4, 'games');
          sw.ports.setGroup(4, 'bin');
        },
        ['games', 'bin', 'root'],
        ['daemon', 'nobody'],
      ],
      [
        'nobody any longer',
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

    test('a port that is in use takes more of the same user alone, root included', async () => {
      const net = await open();
      const first = as('daemon', ['vde_plug', `${net.directory}[4]`]);
      await until(() => net.sw.ports.get(4)?.active, 'the first');
      expect(await joins(net, 'daemon', '[4]')).toBe(true);
      expect(await joins(net, 'bin', '[4]')).toBe(false);
      expect(await joins(net, 'root', '[4]')).toBe(false);
      expect(net.sw.ports.get(4)?.currentUser).toBe(IDS.daemon);
      await first.stop();
    });

    test('a client with an abstract address is who the kernel says, too', async () => {
      const net = await open();
      net.sw.ports.create(4);
      net.sw.ports.setUser(4, 'root');
      const claim = `
import os, socket, struct
name = (b'\\0tsvde-%d' % os.getpid()).ljust(108, b'\\0')
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.bind(name)
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); s.connect('${net.directory}/ctl')
s.send(struct.pack('=III', 0xfeedface, 3, 4 << 8) + struct.pack('=H108s', 1, name) + b'user=root pid=1')
print('answer', len(s.recv(200)), flush=True)`;
      await as('nobody', [PYTHON, '-c', claim]).output(/answer 0\n/);
      await as('root', [PYTHON, '-c', claim]).output(/answer 110\n/);
    });
  });

  describe('by modes and groups of the sockets', () => {
    test('-m 660 -g users: members of the group, and nobody else', async () => {
      const net = await open({ mode: 0o660, group: 'users' });
      expect(await joins(net, 'bin', '', `--groups=${USERS_GROUP}`)).toBe(true);
      expect(await joins(net, 'bin', '')).toBe(false);
      expect(await joins(net, 'root', '')).toBe(true);
      expect(net.log).toEqual([]);
    });

    test('by default: its owner alone', async () => {
      const net = await open({});
      expect(await joins(net, 'nobody', '')).toBe(false);
      expect(await joins(net, 'root', '')).toBe(true);
    });

    test("a data socket is its client's alone: another user cannot send into the port", async () => {
      const net = await open();
      const first = as('daemon', ['vde_plug', `${net.directory}[4]`]);
      await until(() => net.sw.ports.get(4)?.active, 'the first');
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
