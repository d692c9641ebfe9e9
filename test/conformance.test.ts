import { beforeAll, describe } from 'vitest';
import { conformance, type Subject } from './conformance.ts';
import { describeWith } from './support/needs.ts';
import { type Network, network, Recorder } from './support/network.ts';
import { type Delivery, ReferenceSwitch } from './support/reference-switch.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { FEATURES, VhostGuest } from './support/vhost-guest.ts';
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
    const net = await network();
    return new EngineSubject(net, (port) => plug(net, port));
  });
});

describeWith(['g++'], 'the engine with vhost-user ports', () => {
  let program: string;
  beforeAll(() => {
    program = VhostGuest.compile();
  });

  // The guests differ in the features that they accept. A spec cannot name port 0.
  const features = [FEATURES.all, FEATURES.oldest, FEATURES.plain, FEATURES.sendsOnly];
  conformance(async () => {
    const net = await network();
    return new EngineSubject(net, (port) =>
      port === 0 ? plug(net, port) : vhostUser(net, port, program, features[port % features.length]!),
    );
  });
});

describeWith(['g++'], 'the engine with vhost-user and VDE ports', () => {
  let program: string;
  beforeAll(() => {
    program = VhostGuest.compile();
  });

  conformance(async () => {
    const net = await network();
    return new EngineSubject(net, (port) =>
      port % 2 === 0 ? plug(net, port) : vhostUser(net, port, program, FEATURES.all),
    );
  });
});

/** A peer of a port that sends frames and keeps those that it receives. */
interface Peer {
  send(frame: Buffer): void;
  received(): Buffer[];
  forget(): void;
  leave(): Promise<void>;
}

async function plug(net: Network, port: number): Promise<Peer> {
  const recorder = await Recorder.join(net.directory, { port });
  return {
    send: (frame) => recorder.send(frame),
    received: () => recorder.frames,
    forget() {
      recorder.frames.length = 0;
    },
    async leave() {
      recorder.plug.close();
    },
  };
}

async function vhostUser(net: Network, port: number, program: string, features: bigint): Promise<Peer> {
  const path = `${temporaryDirectory()}/guest`;
  await net.sw.attach(`vhost-user,id=guest${port},server=on,path=${path},switchport=${port}`);
  const guest = await VhostGuest.connect(program, path, features);
  return {
    send: (frame) => guest.send(frame),
    received: () => guest.received.map(({ header, frame }) => (isPlain(header) ? frame : Buffer.from(header))),
    forget() {
      guest.received.length = 0;
    },
    async leave() {
      await guest.kill();
      await net.sw.detach(`guest${port}`);
    },
  };
}

/** Returns whether a virtio-net header leaves no work to the receiver. */
function isPlain(header: Buffer): boolean {
  return header.subarray(0, 10).every((byte) => byte === 0);
}

/**
 * The engine, reached through peers of its ports. Its counters say how many frames leave, so that no test waits for a
 * frame that never comes.
 */
class EngineSubject implements Subject {
  readonly #net: Network;
  readonly #join: (port: number) => Promise<Peer>;
  readonly #peers = new Map<number, Peer>();
  #sent = 0;

  constructor(net: Network, join: (port: number) => Promise<Peer>) {
    this.#net = net;
    this.#join = join;
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
    this.#peers.set(port, await this.#join(port));
  }

  async detach(port: number): Promise<void> {
    await this.#peers.get(port)!.leave();
    this.#peers.delete(port);
    await until(() => !this.#net.sw.ports.get(port)?.active, `the end of port ${port}`);
  }

  async send(from: number, frame: Buffer): Promise<Delivery[]> {
    for (const peer of this.#peers.values()) peer.forget();
    const before = this.#transmitted();
    this.#peers.get(from)!.send(frame);
    this.#sent++;
    await until(() => this.#handled() === this.#sent, 'the engine to have handled the frame');
    const leaving = this.#transmitted() - before;
    const received = () =>
      [...this.#peers].flatMap(([port, peer]) => peer.received().map((one) => ({ port, frame: one })));
    await until(() => received().length >= leaving, 'the peers to have received the frames');
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
