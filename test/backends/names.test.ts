// Names with several addresses, in a namespace where localhost is ::1 and, after that, 127.0.0.1: a listener listens
// on each address, a connector tries each address, and the port chosen for port 0 is reported.
import { expect, test } from 'vitest';
import { ConsoleClient } from '../support/console.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const NAMES = [
  '::1 localhost',
  '127.0.0.1 localhost',
  '192.0.2.1 half-here',
  '127.0.0.1 half-here',
  '192.0.2.1 not-here',
];

interface Row {
  id: string;
  ports: number[];
  addresses: string[];
}

describeWith(['root', 'ip', 'ss', 'curl'], 'names with several addresses', () => {
  function spaceWithNames(): Namespace {
    const space = namespace();
    space.useHosts(...NAMES);
    return space;
  }

  async function switchIn(space: Namespace, ...args: string[]) {
    const path = `${temporaryDirectory()}/mgmt`;
    const { started } = await startTsvde(['--nostdin', '-M', path, ...args], { within: space });
    const console = await ConsoleClient.connect(path);
    const attached = async (): Promise<Row[]> => {
      const [line] = /^\{.*\}$/m.exec(await console.ask('json port/attached'))!;
      return JSON.parse(line).data;
    };
    return { started, console, attached };
  }

  const listening = (space: Namespace) =>
    [...space.run('ss', '-Hltn').matchAll(/^LISTEN +\d+ +\d+ +(\S+)/gm)].map(([, address]) => address!).sort();
  const statusOf = (space: Namespace, url: string) =>
    space.run('sh', '-c', `curl -s -o /dev/null -w '%{http_code}' ${url} || true`);

  test.each([
    ['socket', 'socket,listen=localhost:7103'],
    ['stream', 'stream,server=on,addr.type=inet,addr.host=localhost,addr.port=7103'],
  ])('a %s port listens at each address', async (_, spec) => {
    const space = spaceWithNames();
    const { started, attached } = await switchIn(space, '--port', spec);
    expect(listening(space)).toEqual(['127.0.0.1:7103', '[::1]:7103']);
    expect((await attached())[0]!.addresses).toEqual(['[::1]:7103', '127.0.0.1:7103']);
    expect(started.stderr()).toContain('listening on [::1]:7103 and 127.0.0.1:7103\n');
  });

  test.each([
    ['4', ['127.0.0.1:7103']],
    ['6', ['[::1]:7103']],
  ])('a stream port with addr.ipv%s=on listens at the addresses of that family', async (family, addresses) => {
    const space = spaceWithNames();
    const spec = `stream,server=on,addr.type=inet,addr.host=localhost,addr.port=7103,addr.ipv${family}=on`;
    await switchIn(space, '--port', spec);
    expect(listening(space)).toEqual(addresses);
  });

  test('metrics are served at each address', async () => {
    const space = spaceWithNames();
    await switchIn(space, '--metrics', 'localhost:9198');
    for (const host of ['127.0.0.1', '[::1]']) expect(statusOf(space, `http://${host}:9198/metrics`)).toBe('200');
  });

  test('port 0 becomes one port for all addresses, which the log and the console show', async () => {
    const space = spaceWithNames();
    const { started, console, attached } = await switchIn(
      space,
      ...['--port', 'socket,listen=localhost:0,id=l', '--metrics', 'localhost:0'],
      ...[
        '--port',
        'dgram,remote.type=inet,remote.host=localhost,remote.port=7,local.host=localhost,local.port=0,id=u',
      ],
    );
    const [, metricsPort] = (await started.output(/serving metrics on http:\/\/localhost:(\d+)\/metrics\n/)).map(
      Number,
    );
    const [, port] = (await started.output(/l: listening on \[::1\]:(\d+) and 127\.0\.0\.1:\1\n/)).map(Number);
    const [, udpPort] = (await started.output(/u: receiving on 127\.0\.0\.1:(\d+)\n/)).map(Number);
    expect(listening(space)).toEqual([port, metricsPort].flatMap((one) => [`127.0.0.1:${one}`, `[::1]:${one}`]).sort());
    expect(space.run('ss', '-Hlun')).toContain(` 127.0.0.1:${udpPort} `);
    expect(await attached()).toMatchObject([
      { id: 'l', addresses: [`[::1]:${port}`, `127.0.0.1:${port}`] },
      { id: 'u', addresses: [`127.0.0.1:${udpPort}`] },
    ]);
    expect(await console.ask('port/attached')).toContain(
      `l ports=none addresses=[::1]:${port},127.0.0.1:${port} socket,listen=localhost:0,id=l\n`,
    );
    expect(await console.ask('showinfo')).toContain(`\nmetrics http://localhost:${metricsPort}/metrics\n`);
  });

  test('an address that the machine does not have is skipped, and refused if there is no other', async () => {
    const space = spaceWithNames();
    const { console } = await switchIn(space, '--port', 'socket,listen=half-here:7103', '--metrics', 'half-here:9198');
    expect(listening(space)).toEqual(['127.0.0.1:7103', '127.0.0.1:9198']);
    expect(await console.ask('json port/attach socket,listen=not-here:7104')).toContain(
      'cannot listen on not-here:7104: Cannot assign requested address',
    );
  });

  test('a port number in use at one of the addresses is refused, and no address is listened on', async () => {
    const space = spaceWithNames();
    const { console } = await switchIn(space, '--port', 'socket,listen=127.0.0.1:7103');
    expect(await console.ask('json port/attach socket,listen=localhost:7103')).toContain(
      'cannot listen on localhost:7103: Address already in use',
    );
    expect(listening(space)).toEqual(['127.0.0.1:7103']);
  });

  test.each(['127.0.0.1', '[::1]'])('a connecting port finds the server at %s', async (host) => {
    const space = spaceWithNames();
    const { attached } = await switchIn(space, '--port', `socket,listen=${host}:7103,id=l`);
    await switchIn(space, '--port', 'socket,connect=localhost:7103');
    await until(async () => (await attached())[0]!.ports.length === 1, 'the connection');
  });

  describeWith(['qemu-system-x86_64'], 'and QEMU, which looks at IPv4 addresses', () => {
    const qemu = (space: Namespace, netdev: string) =>
      space.start('qemu-system-x86_64', [
        ...['-M', 'none', '-display', 'none', '-monitor', 'none', '-serial', 'none'],
        ...['-netdev', `${netdev},id=n`],
      ]);

    test("QEMU's socket,connect=localhost joins a socket port", async () => {
      const space = spaceWithNames();
      const { attached } = await switchIn(space, '--port', 'socket,listen=localhost:7103');
      qemu(space, 'socket,connect=localhost:7103');
      await until(async () => (await attached())[0]!.ports.length === 1, 'QEMU', 10_000);
    });

    test("QEMU's socket,udp=localhost is the peer of a port that names localhost", async () => {
      const space = spaceWithNames();
      const { attached } = await switchIn(space, '--port', 'socket,udp=localhost:7105,localaddr=localhost:7104');
      expect((await attached())[0]!.addresses).toEqual(['127.0.0.1:7104']);
      qemu(space, 'socket,udp=localhost:7104,localaddr=localhost:7105');
      await until(() => space.run('ss', '-Hlun').includes(' 127.0.0.1:7105 '), 'QEMU', 10_000);
    });
  });
});
