// Open vSwitch with its userspace datapath and its dummy ports: a command gives frames to a port, and each port keeps
// the frames that it sends in a file. Needs no root, no kernel module and no interface.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { atEnd } from './at-end.ts';
import { temporaryDirectory } from './temporary.ts';
import { until } from './wait.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

export class OpenVswitch {
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
  }

  /** Starts a bridge `br0` with ports `p1` to `pN`. */
  static async start(ports: number): Promise<OpenVswitch> {
    const home = temporaryDirectory();
    const own = new OpenVswitch(home);
    execFileSync('ovsdb-tool', ['create', `${home}/db`, SCHEMA]);
    await own.#spawn('ovsdb-server', [`${home}/db`, `--remote=punix:${home}/sock`, `--unixctl=${home}/db.ctl`]);
    await until(() => existsSync(`${home}/sock`), 'the database');
    const daemon = ['--enable-dummy', '--disable-system', `--unixctl=${home}/ctl`];
    await own.#spawn('ovs-vswitchd', [`unix:${home}/sock`, ...daemon]);
    await until(() => existsSync(`${home}/ctl`), 'the daemon');
    const numbers = Array.from({ length: ports }, (_, i) => i + 1);
    own.configure(
      'add-br br0 -- set bridge br0 datapath_type=dummy',
      ...numbers.map((n) => `add-port br0 p${n} -- set interface p${n} type=dummy options:tx_pcap=${home}/p${n}.pcap`),
    );
    await until(() => numbers.every((n) => existsSync(`${home}/p${n}.pcap`)), 'the ports');
    return own;
  }

  /** Changes the configuration, and waits until the daemon has applied it. */
  configure(...commands: string[]): string {
    const words = commands.join(' -- ').split(' ');
    return execFileSync('ovs-vsctl', [`--db=unix:${this.#home}/sock`, ...words], { encoding: 'utf8' });
  }

  /** Gives frames to a port, after all cached decisions were checked again. */
  receive(port: number, frames: readonly Buffer[]): void {
    this.#control('revalidator/wait');
    for (const one of frames) this.#control('netdev-dummy/receive', `p${port}`, one.toString('hex'));
  }

  /** Returns the frames that a port has sent so far, as hex. */
  sent(port: number): string[] {
    const file = readFileSync(`${this.#home}/p${port}.pcap`);
    const frames: string[] = [];
    for (let at = 24; at + 16 <= file.length; ) {
      const length = file.readUInt32LE(at + 8);
      frames.push(file.toString('hex', at + 16, at + 16 + length));
      at += 16 + length;
    }
    return frames;
  }

  #control(...words: string[]): void {
    execFileSync('ovs-appctl', ['-t', `${this.#home}/ctl`, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  async #spawn(command: string, words: readonly string[]): Promise<void> {
    const env = { ...process.env, OVS_RUNDIR: this.#home, OVS_LOGDIR: this.#home, OVS_DBDIR: this.#home };
    const child = spawn(command, words, { stdio: 'ignore', env });
    const ended = once(child, 'exit');
    await once(child, 'spawn');
    atEnd(async () => {
      child.kill();
      await ended;
    });
  }
}
