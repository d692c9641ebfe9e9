// passt, the user-mode network, at a stream port without padding. passt takes the padding of a short frame for payload,
// or drops the frame.
import { chmodSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const ECHO = fileURLToPath(new URL('../support/echo.py', import.meta.url));
const HOST = '192.0.2.2';
const GATEWAY = '192.0.2.1';

/** A host that runs passt, the gateway of its network, and a guest on a TAP of a switch that is connected to passt. */
async function passtNetwork(): Promise<{ gateway: Namespace; guest: Namespace }> {
  const [host, gateway, guest] = [namespace(), namespace(), namespace()];
  host.run('ip', 'link', 'add', 'ext', 'type', 'veth', 'peer', 'name', 'ext', 'netns', gateway.name);
  for (const [space, address] of [
    [host, HOST],
    [gateway, GATEWAY],
  ] as const) {
    space.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'ext');
    space.run('ip', 'link', 'set', 'ext', 'up');
  }
  host.run('ip', 'route', 'add', 'default', 'via', GATEWAY);
  // passt gives up its privileges; other users may not ping unless this allows them to.
  host.run('sh', '-c', 'echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range');
  const directory = temporaryDirectory();
  chmodSync(directory, 0o777); // passt makes its socket as nobody
  const path = `${directory}/passt`;
  const ports = ['--tcp-ports', '8000', '--udp-ports', '8000'];
  const words = ['--foreground', '--stderr', '--ipv4-only', '--no-map-gw', '--socket', path, ...ports];
  const passt = host.start('passt', words);
  await until(
    () => existsSync(path),
    () => `the socket of passt: ${passt.stderr()}`,
  );
  const stream = `stream,addr.type=unix,addr.path=${path},padding=off,reconnect-ms=50`;
  const { started } = await startTsvde(['--port', 'tap,ifname=tap0', '--port', stream], { within: guest });
  await until(() => started.stderr().includes(`connected to ${path}`), 'the connection to passt');
  guest.run('ip', 'addr', 'add', `${HOST}/24`, 'dev', 'tap0');
  guest.run('ip', 'link', 'set', 'tap0', 'up');
  guest.run('ip', 'route', 'add', 'default', 'via', GATEWAY);
  return { gateway, guest };
}

describeWith(['root', 'tun', 'ip', 'passt', 'python3', 'busybox'], 'passt at a stream port', () => {
  test('TCP, UDP and pings of all sizes pass between a guest and another host, begun by either', async () => {
    const { gateway, guest } = await passtNetwork();
    await gateway.start('python3', [ECHO, 'serve', GATEWAY, '7000']).output(/SERVING/);
    expect(guest.run('python3', ECHO, 'ask', GATEWAY, '7000')).toBe('intact\n');
    await guest.start('python3', [ECHO, 'serve', HOST, '8000']).output(/SERVING/);
    expect(gateway.run('python3', ECHO, 'ask', HOST, '8000')).toBe('intact\n');
    for (const size of [0, 1, 17, 18, 56, 1400]) {
      const pinged = guest.run('busybox', 'ping', '-c', '1', '-W', '5', '-s', String(size), GATEWAY);
      expect(pinged, `pings of ${size} bytes`).toContain(' 0% packet loss');
    }
  });
});
