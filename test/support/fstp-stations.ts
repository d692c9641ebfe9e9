// A station at each bridge of a network of spanning trees, and the ports at which the bridges have learned the
// stations.
import type { Bridge, FstpNetwork } from './fstp-network.ts';

/** A bridge that a frame reaches, and the port it arrives by; without a port, the first bridge. */
interface Stop {
  bridge: Bridge;
  port?: number;
}

export class Stations {
  readonly #net: FstpNetwork;
  /** For each bridge, by name: the port at which it has learned each station. */
  readonly #learned: Map<string, Map<string, number>>;

  constructor(net: FstpNetwork) {
    this.#net = net;
    this.#learned = new Map([...net.bridges.keys()].map((name) => [name, new Map()]));
    net.forgets = (bridge, port) => {
      const learned = this.#learned.get(bridge)!;
      for (const [station, at] of learned) if (port === undefined || at === port) learned.delete(station);
    };
  }

  /** Each station sends a broadcast. */
  speak(): void {
    for (const station of this.#net.bridges.keys())
      for (const { bridge, port } of this.#path(station, () => undefined))
        if (port !== undefined) this.#learned.get(bridge.name)!.set(station, port);
  }

  /**
   * Pairs `a b` where a frame from the station at a does not reach the station at b, because a bridge's entry is stale.
   */
  blackHoles(): string[] {
    return [...this.#net.bridges.keys()].flatMap((from) => {
      const within = this.#path(from, () => undefined).map(({ bridge }) => bridge.name);
      const arrives = (to: string) =>
        this.#path(from, ({ name }) => this.#learned.get(name)!.get(to)).some(({ bridge }) => bridge.name === to);
      return within.filter((to) => to !== from && !arrives(to)).map((to) => `${from} ${to}`);
    });
  }

  /**
   * The bridges that a frame reaches if each bridge forwards it by the port that `leavesBy` returns, or by all of the
   * bridge's ports if `leavesBy` returns undefined.
   */
  #path(from: string, leavesBy: (bridge: Bridge) => number | undefined): Stop[] {
    const stops: Stop[] = [{ bridge: this.#net.bridges.get(from)! }];
    for (const { bridge, port } of stops) {
      const only = leavesBy(bridge);
      for (const next of this.#neighbours(bridge, port, only))
        if (!stops.some((stop) => stop.bridge === next.bridge)) stops.push(next);
    }
    return stops;
  }

  #neighbours(bridge: Bridge, came: number | undefined, only: number | undefined): Stop[] {
    const wires = [...this.#net.segments.values()]
      .filter(({ whole }) => whole)
      .map(({ ports }) => ports.filter(isForwarding));
    const leaves = (stop: Stop) => stop.bridge === bridge && stop.port !== came && stop.port === (only ?? stop.port);
    return wires.filter((ports) => ports.some(leaves)).flat();
  }
}

function isForwarding({ bridge, port }: Required<Stop>): boolean {
  return bridge.states.get(port) === 'forwarding';
}
