// A switch that serves while its system calls fail: what clients and consoles do meanwhile, and what must still be true
// afterwards.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pass } from 'node:timers/promises';
import { expect } from 'vitest';
import { ConsoleClient } from '../../src/ctl/console-client.ts';
import { Plug } from '../../src/plug/plug.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { BROADCAST, frame } from '../support/network.ts';
import type { Started } from '../support/process.ts';
import { inject } from '../support/strace.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';
import type { ServingFault } from './kinds.ts';

/** How long the switch has for whatever it does while its calls fail. */
const PATIENCE_MS = 1500;
const CHECKED_PORTS = [40, 41] as const;

export class FaultySwitch {
  readonly #started: Started;
  readonly #home: string;
  readonly #atFirst: { descriptors: number; files: string[] };

  private constructor(started: Started, home: string) {
    this.#started = started;
    this.#home = home;
    this.#atFirst = this.#resources();
  }

  static async start(): Promise<FaultySwitch> {
    const home = temporaryDirectory();
    const ns: Namespace = namespace();
    const { started } = await startTsvde(
      ['-M', `${home}/mgmt`, '--metrics', `unix:${home}/metrics`, '-n', '64', '--tap', 'flt0', '--tap-at-runtime'],
      { cwd: home, within: ns },
    );
    ns.run('ip', 'link', 'set', 'flt0', 'up');
    return new FaultySwitch(started, home);
  }

  /** Makes calls fail while peers do what they do, and then checks the switch. Returns how many calls have failed. */
  async suffer(fault: ServingFault): Promise<number> {
    const capture = await Plug.connect(this.#directory);
    await this.#ask('capture/add', 'first', `file=${this.#home}/first.pcapng`);
    const { path } = fault;
    const injection = await inject(
      this.#started.pid,
      path === undefined ? fault : { ...fault, path: `${this.#home}/${path}` },
    );
    await this.#live();
    const failed = await injection.stop();
    capture.close();
    await this.#expectSound(fault);
    return failed;
  }

  async stop(): Promise<void> {
    await this.#started.stop();
    expect((await this.#started.exited).signal).toBeNull();
  }

  get #directory(): string {
    return `${this.#home}/ctl`;
  }

  /** All that clients, consoles and scrapers do; each may fail. Resolves when all of them have ended. */
  async #live(): Promise<void> {
    const ends = AbortSignal.timeout(PATIENCE_MS);
    await Promise.allSettled([
      this.#client(ends),
      this.#client(ends),
      this.#client(ends),
      this.#consoles(ends),
      this.#peers(ends),
      this.#scraper(ends),
    ]);
  }

  async #client(signal: AbortSignal): Promise<void> {
    for (let mark = 0; !signal.aborted && mark < 6; mark++) {
      const plug = await Plug.connect(this.#directory, { signal }).catch(() => undefined);
      try {
        for (let i = 0; i < 20 && plug?.open; i++)
          plug.send(frame(BROADCAST, `02:00:00:00:0${mark % 10}:0${i % 10}`, 200, i));
      } catch {} // the switch has disconnected it
      await pass(20);
      plug?.close();
    }
  }

  async #consoles(signal: AbortSignal): Promise<void> {
    const lines = [
      `port/attach stream,id=s,server=on,addr.type=unix,addr.path=${this.#home}/stream`,
      `port/attach dgram,id=d,local.type=unix,local.path=${this.#home}/dgram,remote.type=unix,remote.path=${this.#home}/peer`,
      `port/attach vhost-user,id=v,path=${this.#home}/vhost,server=on`,
      'port/attach tap,id=t,ifname=flt1',
      'port/attach user,id=u',
      'port/attach socket,id=m,mcast=230.0.0.9:4567,localaddr=127.0.0.1',
      `capture/add second file=${this.#home}/second.pcapng`,
      'counters',
      'hash/print',
      'port/print',
      'port/detach s',
      'fstp/setfstp 1',
      'fstp/setfstp 0',
      'port/create 30',
      'vlan/create 7',
      'vlan/addport 7 30',
      'vlan/remove 7',
      'port/remove 30',
    ];
    for (const line of lines) {
      if (signal.aborted) return;
      await this.#ask(...line.split(' '));
    }
  }

  /** Connects to the ports that listen, and sends frames, or what a front end of vhost-user sends first. */
  async #peers(signal: AbortSignal): Promise<void> {
    const askFeatures = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    const bytes = frame(BROADCAST, '02:00:00:00:0b:00', 100);
    const withLength = Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    while (!signal.aborted) {
      for (const [path, message] of [
        ['stream', withLength],
        ['vhost', askFeatures],
      ] as const) {
        const socket = connect(`${this.#home}/${path}`);
        socket.on('error', () => {}); // it does not listen yet
        socket.write(message);
        socket.resume();
        await pass(30);
        socket.destroy();
      }
    }
  }

  async #scraper(signal: AbortSignal): Promise<void> {
    for (let i = 0; !signal.aborted && i < 4; i++) {
      const socket = connect(`${this.#home}/metrics`);
      socket.on('error', () => {});
      socket.end('GET /metrics HTTP/1.0\r\n\r\n');
      socket.resume();
      await pass(50);
      socket.destroy();
    }
  }

  /** Asks a console. Returns the reply's errno; undefined if there is no reply in time. */
  async #ask(...words: string[]): Promise<number | undefined> {
    const console = await ConsoleClient.connect(`${this.#home}/mgmt`, { timeoutSeconds: 1 }).catch(() => undefined);
    try {
      return (await console?.ask(words.join(' ')))?.errno;
    } catch {
      return undefined;
    } finally {
      console?.close();
    }
  }

  #resources() {
    return {
      descriptors: readdirSync(`/proc/${this.#started.pid}/fd`).length,
      files: readdirSync(this.#directory).toSorted(),
    };
  }

  /**
   * Whether there is nothing that was not there at first. libuv may have lost the descriptor that it holds in reserve.
   */
  #holdsNoMore({ leavesFiles = false, leavesDescriptors = 0 }: ServingFault): boolean {
    const { descriptors, files } = this.#resources();
    return (
      descriptors <= this.#atFirst.descriptors + leavesDescriptors &&
      (leavesFiles || files.join() === this.#atFirst.files.join())
    );
  }

  /** The switch runs, answers, forwards, and holds nothing that it did not hold at first. */
  async #expectSound(fault: ServingFault): Promise<void> {
    const said = () => `${fault.calls} ${fault.error}\n${this.#started.stderr().slice(-3000)}`;
    expect(this.#started.running, said()).toBe(true);
    await until(
      async () => (await this.#ask('port/print')) === 0,
      () => `an answer of the console after ${said()}`,
      10_000,
    );
    for (const id of ['s', 'd', 'v', 't', 'u', 'm']) await this.#ask('port/detach', id);
    for (const name of ['first', 'second']) await this.#ask('capture/remove', name);
    await this.#expectFrame(said);
    await until(
      () => this.#holdsNoMore(fault),
      () => `${JSON.stringify(this.#atFirst)}, not ${JSON.stringify(this.#resources())} after ${said()}`,
      10_000,
    );
    expect(this.#started.stderr(), said()).not.toMatch(/^\s+at /m); // the stack of an unexpected exception
  }

  async #expectFrame(said: () => string): Promise<void> {
    const [from, to] = [
      await Plug.connect(this.#directory, { port: CHECKED_PORTS[0] }),
      await Plug.connect(this.#directory, { port: CHECKED_PORTS[1] }),
    ];
    const sent = frame(BROADCAST, '02:00:00:00:0a:00', 100);
    let heard = false;
    to.on('frame', (got) => {
      heard ||= got.equals(sent);
    });
    await until(
      () => {
        from.send(sent);
        return heard;
      },
      () => `a frame after ${said()}`,
    );
    from.close();
    to.close();
  }
}
