// The control socket with clients that follow the protocol, test its limits or break it.
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ADDRESS_SIZE, addressPath, formatAddress } from '../../src/protocol/request.ts';
import { native } from '../../src/system/native.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { JOIN, python } from '../support/python.ts';
import { dataSocket, RawClient, version1, version3, words } from '../support/raw-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const MAGIC = 0xfeedface;

async function ask(
  directory: string,
  request: Buffer,
): Promise<{ client: RawClient; path: string | undefined; size: number }> {
  const client = await RawClient.connect(directory);
  client.stream.write(request);
  const answer = await client.answer;
  return { client, path: answer && addressPath(answer)?.toString(), size: answer?.length ?? 0 };
}

describe('granted requests', () => {
  test.each([
    ['version 3 and any port', (address: Buffer) => version3(address), '001'],
    ['version 3 and port 7', (address: Buffer) => version3(address, 7 << 8), '007'],
    ['version 3 and port 0', (address: Buffer) => version3(address, 1), '000'],
    ['version 3 and a negative port', (address: Buffer) => version3(address, -256), '000'],
    ['version 1 and any port', (address: Buffer) => version1(address), '001'],
    ['version 1 and port 0', (address: Buffer) => version1(address, 1), '000'],
    ['a description of 134 bytes', (address: Buffer) => version3(address, 0, 'x'.repeat(134)), '001'],
  ])('a request with %s is granted', async (_, request, port) => {
    const { directory } = await network();
    const { path, size } = await ask(directory, request(dataSocket(temporaryDirectory()).address));
    expect(size).toBe(ADDRESS_SIZE);
    expect(path).toMatch(new RegExp(`^${directory}/${port}\\.\\d+$`));
  });

  test('a request in two segments is granted', async () => {
    const { directory } = await network();
    const request = version3(dataSocket(temporaryDirectory()).address, 5 << 8, 'slow');
    const client = await RawClient.connect(directory);
    client.stream.setNoDelay();
    client.stream.write(request.subarray(0, 30));
    await new Promise((resolve) => client.stream.write('', resolve));
    client.stream.write(request.subarray(30));
    expect(addressPath((await client.answer)!)?.toString()).toContain('/005.');
  });

  test('frames go both ways for a client with an abstract address, as User-mode Linux has', async () => {
    const { directory, join } = await network();
    const address = Buffer.alloc(ADDRESS_SIZE);
    formatAddress('').copy(address);
    address.write(`\0tsvde-test-${process.pid}`, 2);
    // Node has no unix datagram sockets, so a Python program is the client.
    const client = await python(
      `${JOIN}
import sys
name=bytes(${JSON.stringify([...address.subarray(2)])})
d=data_socket(name)
s,r=ask(${JSON.stringify(`${directory}/ctl`)},name)
d.connect(address_in(r)); print('joined',flush=True)
f=d.recv(2000); d.send(f[6:12]+f[0:6]+f[12:]); sys.stdin.read()`,
    );
    await client.output(/joined/);
    const plug = await join();
    plug.send(frame('02:00:00:00:00:99', '02:00:00:00:00:01', 60, 1));
    await plug.receives(frame('02:00:00:00:00:01', '02:00:00:00:00:99', 60, 1));
  });

  test('a client without an address can send, and frames for it are dropped and counted', async () => {
    const { sw, directory, join } = await network({ hub: true });
    const { path } = await ask(directory, version3(Buffer.alloc(ADDRESS_SIZE)));
    expect(path).toContain('/001.');
    const other = await join();
    const mute = native.openDatagram(`${temporaryDirectory()}/mute`, formatAddress(path!));
    new native.FrameSocket(mute, () => {}).send([frame(BROADCAST, '02:00:00:00:00:01')]);
    await other.receives(frame(BROADCAST, '02:00:00:00:00:01'));
    other.send(frame(BROADCAST, '02:00:00:00:00:02'));
    await until(() => sw.counters()[0]?.transmitDrops.peer_gone === 1n, 'the drop');
  });

  test('several programs of one user share a port: each receives its frames, and none hears the others', async () => {
    const { join } = await network({ hub: true });
    const [a, b, other] = [await join({ port: 3 }), await join({ port: 3 }), await join()];
    other.send(frame(BROADCAST, '02:00:00:00:00:01', 60, 1));
    await a.receives(frame(BROADCAST, '02:00:00:00:00:01', 60, 1));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:01', 60, 1));
    a.send(frame(BROADCAST, '02:00:00:00:00:02', 60, 2));
    await other.receives(frame(BROADCAST, '02:00:00:00:00:02', 60, 2));
    expect(b.frames).toHaveLength(1);
  });
});

describe('refused requests', () => {
  const somewhere = () => dataSocket(temporaryDirectory()).address;
  test.each([
    ['a wrong magic', () => words(0x12345678, 3, 0), /magic/],
    ['a byte-swapped magic', () => version3(somewhere()).swap16().subarray(0, 122), /magic/],
    ['the layout of version 0', () => Buffer.concat([words(MAGIC, 2), somewhere()]), /version 2/],
    ['version 4', () => Buffer.concat([words(MAGIC, 4, 0), somewhere()]), /version 4/],
    ['version 0x80000000', () => Buffer.concat([words(MAGIC, 0x80000000, 0), somewhere()]), /version 2147483648/],
    ['kind 2', () => version3(somewhere(), 2), /kind 2/],
    ['too high a port number', () => version3(somewhere(), 33 << 8), /port 33/],
    ['more bytes than a request may have', () => version3(somewhere(), 0, 'x'.repeat(200)), /longer than 256/],
    [
      'an unterminated path',
      () => version3(Buffer.concat([words(1).subarray(0, 2), Buffer.alloc(108, 'x')])),
      /has no terminating NUL/,
    ],
    [
      'another address family',
      () => version3(Buffer.concat([words(2).subarray(0, 2), Buffer.from('/x'), Buffer.alloc(106)])),
      /family 2/,
    ],
    ['a missing data socket', () => version3(formatAddress('/nowhere/at/all')), /"\/nowhere\/at\/all".*ENOENT/],
    [
      'a file in place of a data socket',
      () => version3(formatAddress('/etc/passwd')),
      /"\/etc\/passwd".*(ECONNREFUSED|EACCES)/,
    ],
    [
      'an abstract name that no socket has',
      () => version3(Buffer.from(`01002f6e6f7768657265${'00'.repeat(100)}`, 'hex').fill(0, 2, 3)),
      /abstract.*ECONNREFUSED/,
    ],
  ])('a request with %s ends the stream, logs one line and leaves nothing behind', async (_, request, why) => {
    const { sw, directory, log } = await network();
    const { client, size } = await ask(directory, request());
    await client.closed;
    expect(size).toBe(0);
    await until(() => log.length > 0, 'a log line');
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(why);
    expect(log[0]).toMatch(new RegExp(`pid \\d+, uid ${process.getuid!()}|already disconnected`));
    expect(sw.ports.list()).toEqual([]);
    expect(readdirSync(directory)).toEqual(['ctl']);
  });

  test('more bytes after the request disconnect the client and free its port', async () => {
    const { sw, directory, log } = await network();
    const { client } = await ask(directory, version3(somewhere()));
    client.stream.write('x');
    await client.closed;
    await until(() => !sw.ports.get(1)?.active, 'an inactive port');
    expect(log[0]).toMatch(/sent more after its request/);
  });

  test('a silent client and half a request are refused once their time is over', async () => {
    const { directory, log } = await network({ requestTimeoutMs: 50 });
    const silent = await RawClient.connect(directory);
    const half = await RawClient.connect(directory);
    half.stream.write(version3(somewhere()).subarray(0, 60));
    await Promise.all([silent.closed, half.closed]);
    await until(() => log.length === 2, 'two log lines');
    expect(log[0]).toMatch(/no whole request/);
  });

  test('a request is refused when no port is free', async () => {
    const { join, log } = await network({ numPorts: 2 });
    await join();
    await join();
    await expect(join()).rejects.toMatchObject({ code: 'ECONNREFUSED', message: expect.stringContaining('refused') });
    expect(log[0]).toMatch(/all 2 ports are in use/);
  });
});

describeWith(['root', 'python3'], 'refused requests of another user', () => {
  test('a request for a port reserved for another user is refused', async () => {
    const { sw, directory, log } = await network();
    sw.ports.create(4);
    sw.ports.setUser(4, 'daemon');
    const client = await python(
      `${JOIN}
import os
os.setgid(65534); os.setuid(65534)
name='/tmp/tsvde-nobody-${process.pid}'
d=data_socket(name)
s,r=ask(${JSON.stringify(`${directory}/ctl`)},name,4)
print('answer',len(r),flush=True); os.unlink(name)`,
      { readable: directory },
    );
    await client.output(/answer 0/);
    expect(log[0]).toMatch(/uid 65534.*port 4 is reserved/);
  });

  test("a request that names another user's data socket is refused", async () => {
    const { directory, log } = await network();
    const { path } = dataSocket(temporaryDirectory());
    const client = await python(
      `${JOIN}
import os
os.setgid(65534); os.setuid(65534)
s,r=ask(${JSON.stringify(`${directory}/ctl`)},${JSON.stringify(path)})
print('answer',len(r),flush=True)`,
      { readable: directory },
    );
    await client.output(/answer 0/);
    expect(log[0]).toMatch(/uid 65534.*belongs to uid 0/);
  });
});

describe('resources of clients', () => {
  test('a client killed at any moment of the handshake leaves nothing behind', async () => {
    const { sw, directory } = await network();
    const before = descriptors();
    const { address } = dataSocket(temporaryDirectory());
    const request = version3(address);
    const extra = descriptors() - before;
    for (let sent = 0; sent <= request.length; sent += 11) {
      const client = await RawClient.connect(directory);
      client.stream.write(request.subarray(0, sent));
      client.stream.destroy();
      await client.closed;
    }
    await until(() => descriptors() === before + extra, 'the same descriptors as before');
    await until(() => readdirSync(directory).length === 1, 'no data socket');
    expect(sw.ports.list().filter(({ active }) => active)).toEqual([]);
  });

  test('a thousand clients that connect and disconnect leave nothing behind', async () => {
    const { sw, directory, join } = await network();
    const keeper = await join();
    const before = descriptors();
    for (let i = 0; i < 1000; i++) {
      const one = await join();
      one.plug.close();
    }
    await until(() => descriptors() === before, 'the same descriptors as before');
    await until(() => readdirSync(directory).length === 2, 'the data socket of the client that stayed');
    expect(sw.ports.list().length).toBeLessThanOrEqual(4);
    expect(keeper.plug.switchPath).toContain('/001.');
  });
});

function descriptors(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}
