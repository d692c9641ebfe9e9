// A host with services and a tsvde with a user-mode network, in a namespace; and its guests, each in a namespace with a
// TAP.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ofOneSwitch } from './metrics.ts';
import { type Namespace, namespace } from './namespace.ts';
import type { Started } from './process.ts';
import { temporaryDirectory } from './temporary.ts';
import { startTsvde } from './tsvde.ts';
import { until } from './wait.ts';

const SERVICES = fileURLToPath(new URL('./host-services.py', import.meta.url));

export const USER_NEEDS = ['root', 'tun', 'ip', 'busybox', 'python3', 'curl'] as const;

export interface UserHost {
  space: Namespace;
  home: string;
  /** The control directory of tsvde. */
  directory: string;
  tsvde: Started;
  /** The metrics' values, by name and labels such as `tsvde_attachment_connections{attachment="user0",kind="user"}`. */
  metrics(): Map<string, number>;
  /** Sends a line to the console and returns the reply. */
  ask(line: string): Promise<string>;
  /** A guest whose only interface is a TAP of tsvde, `tap0` or `tap1`. */
  guest(tap: string): UserGuest;
}

/**
 * Starts a host. `HOME` in `spec` stands for a directory with `tftp/` and `echo`, the unix socket of an echo server.
 * `resolver` is the host's name server.
 */
export async function userHost(spec: string, resolver = '127.0.0.1'): Promise<UserHost> {
  const home = temporaryDirectory();
  const space = namespace();
  space.useResolver(resolver);
  for (const name of ['tftp', 'www']) mkdirSync(`${home}/${name}`);
  writeFileSync(`${home}/www/index.html`, 'hello from the host\n');
  await space.start('python3', [SERVICES, `${home}/echo`]).output(/SERVING/);
  for (const address of ['127.0.0.1:80', '[::1]:80'])
    space.start('busybox', ['httpd', '-f', '-p', address, '-h', `${home}/www`]);
  const ports = ['tap,ifname=tap0', 'tap,ifname=tap1', spec.replaceAll('HOME', home)];
  const args = ['--metrics', '9109', ...ports.flatMap((port) => ['--port', port])];
  const { started, directory } = await startTsvde(args, { cwd: home, within: space });
  let asked = 0;
  return {
    space,
    home,
    directory,
    tsvde: started,
    metrics: () => parseMetrics(space.run('curl', '-s', 'http://127.0.0.1:9109/metrics')),
    async ask(line) {
      const before = started.stdout().length;
      started.stdin.write(`${line}\n`);
      const reply = await until(
        () => /^(?:[\s\S]*\n)?1\d{3} [^\n]*\n/.exec(started.stdout().slice(before)),
        () => `a reply to '${line}' (${asked++}), after: ${started.stdout().slice(before)}`,
      );
      return reply[0];
    },
    guest: (tap) => new UserGuest(space, home, tap),
  };
}

function parseMetrics(text: string): Map<string, number> {
  const lines = ofOneSwitch(text)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

/** The script that udhcpc runs: sets the address and the default route, and keeps the lease. */
export const udhcpcScript = (lease: string) =>
  [
    '#!/bin/sh',
    '[ "$1" = deconfig ] && ip link set $interface up',
    `[ "$1" = bound ] && env > ${lease} && ip addr add $ip/$mask dev $interface`,
    '[ "$1" = bound ] && [ -n "$router" ] && ip route add default via $router',
    'exit 0',
    '',
  ].join('\n');

export class UserGuest {
  readonly space = namespace();
  readonly #home: string;
  readonly #tap: string;

  constructor(host: Namespace, home: string, tap: string) {
    this.#home = home;
    this.#tap = tap;
    host.run('ip', 'link', 'set', tap, 'netns', this.space.name);
    this.space.run('ip', 'link', 'set', tap, 'up');
  }

  /** Takes a lease and returns udhcpc's variables: `ip`, `router`, `dns` … Throws if there is no lease. */
  takeLease(): Record<string, string> {
    const [script, lease] = [`${this.#home}/${this.#tap}.sh`, `${this.#home}/${this.#tap}.lease`];
    writeFileSync(script, udhcpcScript(lease));
    chmodSync(script, 0o755);
    this.busybox('udhcpc', '-i', this.#tap, '-q', '-n', '-f', '-t', '5', '-T', '1', '-s', script);
    const pairs = readFileSync(lease, 'utf8')
      .split('\n')
      .map((line) => line.split(/=(.*)/s));
    return Object.fromEntries(pairs.filter(([name]) => name !== '').map(([name, value]) => [name, value]));
  }

  busybox(...args: string[]): string {
    return this.space.run('busybox', ...args);
  }

  /** Sets an address and a default route without DHCP. */
  useAddress(address: string): void {
    this.space.run('ip', 'addr', 'add', `${address}/24`, 'dev', this.#tap);
    this.space.run('ip', 'route', 'add', 'default', 'via', '10.0.2.2');
  }

  /** Resolves with the address that the guest made from the router's prefix. `prefix` is its first 16 bits in hex. */
  async ipv6Address(prefix = 'fec0'): Promise<string> {
    const shown = new RegExp(`inet6 (${prefix}:\\S+)/64 scope (?:site|global) (?!.*tentative)`);
    const [, address = ''] = await until(
      () => shown.exec(this.space.run('ip', '-6', 'addr', 'show', 'dev', this.#tap)),
      'an IPv6 address',
      15_000,
    );
    return address;
  }

  get mac(): string {
    return this.space.run('cat', `/sys/class/net/${this.#tap}/address`).trim();
  }

  /** Serves a page with the name of the guest. */
  serve(address: string): Started {
    const directory = temporaryDirectory();
    writeFileSync(`${directory}/index.html`, `hello from ${this.#tap}\n`);
    return this.space.start('busybox', ['httpd', '-f', '-p', address, '-h', directory]);
  }

  /** Sends text to a TCP service and returns the answer up to the end of the connection. */
  talk(address: string, port: number, text: string): string {
    return execFileSync('ip', ['netns', 'exec', this.space.name, 'python3', '-c', TALK, address, String(port), text], {
      encoding: 'utf8',
    });
  }
}

const TALK = `
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
connection.sendall(sys.argv[3].encode())
connection.shutdown(socket.SHUT_WR)
answer = b''
while data := connection.recv(65536):
    answer += data
sys.stdout.write(answer.decode())
`;
