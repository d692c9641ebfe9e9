// A station at each switch of a network of spanning trees, and what the switches have learned of where they are.
import type { Bridge, FstpNetwork } from './fstp-network.ts';

/** A bridge that a frame has come to, and by which port; none: it began there. */
interface Stop {
  bridge: Bridge;
  port?: number;
}

export class Stations {
  readonly #net: FstpNetwork;
  /** Of each bridge, by its name: at which port it has learned each station. */
  readonly #learned: Map<string, Map<string, number>>;

  constructor(net: FstpNetwork) {
    this.#net = net;
    this.#learned = new Map([...net.bridges.keys()].map((name) => [name, new Map()]));
    net.forgets = (bridge, port) => {
      const learned = this.#learned.get(bridge)!;
      for (const [station, at] of learned) if (port === undefined || at === port) learned.delete(station);
    };
  }

  /** Each says something to all. */
  speak(): void {
    for (const station of this.#net.bridges.keys())
      for (const { bridge, port } of this.#way(station, () => undefined))
        if (port !== undefined) this.#learned.get(bridge.name)!.set(station, port);
  }

  /** `a b`: a frame of a's station for b's goes where it was, and not where it is. */
  blackHoles(): string[] {
    return [...this.#net.bridges.keys()].flatMap((from) => {
      const within = this.#way(from, () => undefined).map(({ bridge }) => bridge.name);
      const arrives = (to: string) =>
        this.#way(from, ({ name }) => this.#learned.get(name)!.get(to)).some(({ bridge }) => bridge.name === to);
      return within.filter((to) => to !== from && !arrives(to)).map((to) => `${from} ${to}`);
    });
  }

  /** Where a frame comes to, when each bridge sends it by the port `leavesBy` or, where that is none, by all. */
  #way(from: string, leavesBy: (bridge: Bridge) => number | undefined): Stop[] {
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
      .map(({ places }) => places.filter(isOpen));
    const leaves = (stop: Stop) => stop.bridge === bridge && stop.port !== came && stop.port === (only ?? stop.port);
    return wires.filter((places) => places.some(leaves)).flat();
  }
}

function isOpen({ bridge, port }: Required<Stop>): boolean {
  return bridge.states.get(port) === 'forwarding';
}
