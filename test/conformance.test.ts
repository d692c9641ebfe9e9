import { describe } from 'vitest';
import { conformance, type Subject } from './conformance.ts';
import { type Network, network, Recorder } from './support/network.ts';
import { type Delivery, ReferenceSwitch } from './support/reference-switch.ts';
import { until } from './support/wait.ts';

describe('the reference switch', () => {
  conformance(async () => {
    const reference = new ReferenceSwitch();
    return {
      attach: async (port) => reference.attach(port),
      detach: async (port) => reference.detach(port),
      setHub(hub) {
        reference.hub = hub;
      },
      setStrictVlan(strict) {
        reference.strictVlan = strict;
      },
      setMinPersistence(seconds) {
        reference.minPersistence = seconds;
      },
      createVlan: (vlan) => reference.createVlan(vlan),
      setUntaggedVlan: (port, vlan) => reference.setUntaggedVlan(port, vlan),
      addPort: (vlan, port) => reference.addPort(vlan, port),
      removePort: (vlan, port) => reference.removePort(vlan, port),
      send: async (from, frame) => reference.send(from, frame, 0),
    };
  });
});

describe('the engine', () => {
  conformance(async () => {
    return new EngineSubject(await network());
  });
});

/**
 * The engine, reached through plugs. Its counters say how many frames leave, so that no test waits for a frame that
 * never comes.
 */
class EngineSubject implements Subject {
  readonly #net: Network;
  readonly #plugs = new Map<number, Recorder>();
  #sent = 0;

  constructor(net: Network) {
    this.#net = net;
  }

  setHub(hub: boolean): void {
    this.#net.sw.hub = hub;
  }

  setStrictVlan(strict: boolean): void {
    this.#net.sw.vlans.strict = strict;
  }

  setMinPersistence(minPersistenceSeconds: number): void {
    this.#net.sw.macs.setTimes({ minPersistenceSeconds });
  }

  createVlan(vlan: number): void {
    this.#net.sw.vlans.create(vlan);
  }

  setUntaggedVlan(port: number, vlan: number): void {
    this.#net.sw.vlans.setUntagged(vlan, port);
  }

  addPort(vlan: number, port: number): void {
    this.#net.sw.vlans.addPort(vlan, port);
  }

  removePort(vlan: number, port: number): void {
    this.#net.sw.vlans.removePort(vlan, port);
  }

  async attach(port: number): Promise<void> {
    this.#plugs.set(port, await Recorder.join(this.#net.directory, { port }));
  }

  async detach(port: number): Promise<void> {
    this.#plugs.get(port)!.plug.close();
    this.#plugs.delete(port);
    await until(() => !this.#net.sw.ports.get(port)?.active, `the end of port ${port}`);
  }

  async send(from: number, frame: Buffer): Promise<Delivery[]> {
    for (const { frames } of this.#plugs.values()) frames.length = 0;
    const before = this.#transmitted();
    this.#plugs.get(from)!.send(frame);
    this.#sent++;
    await until(() => this.#handled() === this.#sent, 'the engine to have handled the frame');
    const leaving = this.#transmitted() - before;
    const received = () =>
      [...this.#plugs].flatMap(([port, { frames }]) => frames.map((one) => ({ port, frame: one })));
    await until(() => received().length >= leaving, 'the plugs to have received the frames');
    return received().sort((a, b) => a.port - b.port);
  }

  /** The frames that the switch has received, dropped ones included. */
  #handled(): number {
    const rows = this.#net.sw.counters();
    return rows.reduce((sum, row) => {
      const { too_short = 0n, too_long = 0n } = row.receiveDrops;
      return sum + Number(row.receiveUnicast + row.receiveMulticast + row.receiveBroadcast + too_short + too_long);
    }, 0);
  }

  #transmitted(): number {
    const rows = this.#net.sw.counters();
    return rows.reduce(
      (sum, row) => sum + Number(row.transmitUnicast + row.transmitMulticast + row.transmitBroadcast),
      0,
    );
  }
}
