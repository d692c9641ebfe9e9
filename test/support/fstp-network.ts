// Bridges that consist of a spanning tree only, and the segments between them, simulated with queues and without a
// clock. A segment joins any number of ports: two make a cable, more make a hub. Every segment has stations, which must
// be reachable.

import type { Effect, PortState } from '../../src/fstp/effect.ts';
import { SpanningTree } from '../../src/fstp/machine.ts';

export const VLAN = 0;
/** More frames than any network here needs in a second to converge. */
const FRAMES_PER_SECOND_MAX = 20_000;

export interface Bridge {
  name: string;
  tree: SpanningTree;
  states: Map<number, PortState>;
  events: string[];
  flushes: number;
  sent: number;
  alive: boolean;
}

interface BridgePort {
  bridge: Bridge;
  port: number;
}

interface Segment {
  name: string;
  ports: BridgePort[];
  whole: boolean;
}

interface Flight {
  segment: Segment;
  /** The port that sent the frame; undefined for an injected frame. */
  from: BridgePort | undefined;
  bytes: Buffer;
}

export class FstpNetwork {
  now = 0;
  readonly bridges = new Map<string, Bridge>();
  readonly segments = new Map<string, Segment>();
  /** Chooses which of `count` frames under way arrives next; by default the first that was sent. */
  order: (count: number) => number = () => 0;
  /** Tells whether a frame of this bridge is lost on this segment. */
  lost: (bridge: string, segment: string) => boolean = () => false;
  /** Called after every frame that arrives. */
  watch: () => void = () => {};
  /** Called when a bridge forgets the addresses learned at a port, or at every port. */
  forgets: (bridge: string, port?: number) => void = () => {};
  #flights: Flight[] = [];

  /** `id` is the last byte of the MAC address. Without priorities, the bridge with the lowest byte becomes root. */
  bridge(name: string, id: number, priority?: number): Bridge {
    const mac = `00:ff:00:00:00:${id.toString(16).padStart(2, '0')}`;
    const tree = new SpanningTree(priority === undefined ? { mac } : { mac, priority });
    const bridge = { name, tree, states: new Map(), events: [], flushes: 0, sent: 0, alive: true };
    this.bridges.set(name, bridge);
    tree.createVlan(VLAN, this.now);
    tree.switchOn(this.now);
    return bridge;
  }

  /** `segment('x', 'a1 b1')` joins port 1 of a and port 1 of b. */
  segment(name: string, ports: string): void {
    const parse = (text: string) => ({ bridge: this.bridges.get(text.slice(0, 1))!, port: Number(text.slice(1)) });
    this.segments.set(name, { name, ports: ports.split(' ').map(parse), whole: false });
    this.heal(name);
  }

  /** Cuts a segment; its bridges notice. */
  cut(name: string): void {
    const segment = this.#break(name);
    for (const { bridge, port } of segment.ports) {
      bridge.states.delete(port);
      this.forgets(bridge.name, port);
      this.#obey(bridge, bridge.tree.removePort({ vlan: VLAN, port }, this.now));
    }
  }

  /** Cuts a segment; its bridges do not notice. */
  silence(name: string): void {
    this.#break(name);
  }

  heal(name: string): void {
    const segment = this.segments.get(name)!;
    segment.whole = true;
    for (const { bridge, port } of segment.ports) {
      if (!bridge.states.has(port)) bridge.states.set(port, 'forwarding');
      this.#obey(bridge, bridge.tree.addPort({ vlan: VLAN, port, tagged: false }, this.now));
    }
  }

  /** Makes a bridge send and forward nothing; its neighbours' ports stay active. */
  kill(name: string): void {
    this.bridges.get(name)!.alive = false;
  }

  run(seconds: number): this {
    this.#deliver();
    for (let second = 0; second < seconds; second++) {
      this.now++;
      for (const bridge of this.bridges.values()) this.#obey(bridge, bridge.tree.tick(this.now));
      this.#deliver();
    }
    return this;
  }

  do(name: string, act: (tree: SpanningTree, now: number) => Effect[]): this {
    const bridge = this.bridges.get(name)!;
    this.#obey(bridge, act(bridge.tree, this.now));
    return this;
  }

  /** Puts a frame on a segment as if it came from none of the segment's ports. */
  inject(name: string, bytes: Buffer): void {
    this.#flights.push({ segment: this.segments.get(name)!, from: undefined, bytes });
  }

  /** Describes the ports of a bridge: `a: 1 root forwarding, 2 designated discarding`. */
  check(name: string): string {
    const { tree } = this.bridges.get(name)!;
    const ports = tree.view(VLAN)!.ports.map(({ port, role, state }) => `${port} ${role} ${state}`);
    return `${name}: ${ports.join(', ')}`;
  }

  rootOf(name: string): string {
    return this.bridges.get(name)!.tree.view(VLAN)!.root;
  }

  /** The forwarding links and all present links, as edges between bridges and segments. */
  edges(): { forwarding: [string, string][]; present: [string, string][]; nodes: string[] } {
    const present: [string, string][] = [];
    const forwarding: [string, string][] = [];
    for (const segment of this.segments.values()) {
      for (const { bridge, port } of segment.ports) {
        if (!segment.whole || !bridge.alive) continue;
        present.push([bridge.name, segment.name]);
        if (bridge.states.get(port) === 'forwarding') forwarding.push([bridge.name, segment.name]);
      }
    }
    const alive = [...this.bridges.values()].filter((bridge) => bridge.alive).map(({ name }) => name);
    return { forwarding, present, nodes: [...alive, ...this.segments.keys()] };
  }

  #break(name: string): Segment {
    const segment = this.segments.get(name)!;
    segment.whole = false;
    this.#flights = this.#flights.filter((flight) => flight.segment !== segment);
    return segment;
  }

  #deliver(): void {
    for (let count = 0; this.#flights.length > 0; count++) {
      if (count > FRAMES_PER_SECOND_MAX) throw new Error('a storm of BPDUs');
      const [flight] = this.#flights.splice(this.#next(), 1);
      if (this.lost(flight!.from?.bridge.name ?? '', flight!.segment.name)) continue;
      this.#arrive(flight!);
      this.watch();
    }
  }

  /** Returns the index of the frame that arrives next. Frames of one sender on one segment stay in their order. */
  #next(): number {
    const chosen = this.#flights[this.order(this.#flights.length)]!;
    return this.#flights.findIndex(({ segment, from }) => segment === chosen.segment && samePort(from, chosen.from));
  }

  #arrive({ segment, from, bytes }: Flight): void {
    for (const { bridge, port } of segment.ports) {
      if (samePort({ bridge, port }, from)) continue;
      this.#obey(bridge, bridge.tree.receive({ vlan: VLAN, port, bytes }, this.now));
    }
  }

  #obey(bridge: Bridge, effects: Effect[]): void {
    if (!bridge.alive) return;
    for (const effect of effects) {
      if (effect.kind === 'state') this.#setState(bridge, effect.port, effect.state);
      else if (effect.kind === 'event') bridge.events.push(`${effect.category} ${effect.text}`);
      else if (effect.kind === 'flush') this.#flush(bridge);
      else this.#send(bridge, effect.port, effect.bytes);
    }
  }

  #setState(bridge: Bridge, port: number, state: PortState): void {
    bridge.states.set(port, state);
    if (state === 'discarding') this.forgets(bridge.name, port);
  }

  #flush(bridge: Bridge): void {
    bridge.flushes++;
    this.forgets(bridge.name);
  }

  #send(bridge: Bridge, port: number, bytes: Buffer): void {
    bridge.sent++;
    for (const segment of this.segments.values()) {
      const from = segment.ports.find((end) => end.bridge === bridge && end.port === port);
      if (from && segment.whole) this.#flights.push({ segment, from, bytes });
    }
  }
}

function samePort(a: BridgePort | undefined, b: BridgePort | undefined): boolean {
  return a?.bridge === b?.bridge && a?.port === b?.port;
}

/** Returns undefined if the edges of `part` are a spanning tree of each component of `whole`, or else the flaw. */
export function flaw(nodes: string[], whole: [string, string][], part: [string, string][]): string | undefined {
  const parts = new Groups(nodes);
  for (const [a, b] of part) if (!parts.join(a, b)) return `a loop through ${a} and ${b}`;
  const cutOff = whole.find(([a, b]) => parts.of(a) !== parts.of(b));
  return cutOff && `${cutOff.join(' and ')} are cut off from each other`;
}

class Groups {
  readonly #parent: Map<string, string>;

  constructor(names: string[]) {
    this.#parent = new Map(names.map((name) => [name, name]));
  }

  of(name: string): string {
    const parent = this.#parent.get(name)!;
    return parent === name ? name : this.of(parent);
  }

  /** Returns false if the two were in one group already. */
  join(a: string, b: string): boolean {
    const [groupA, groupB] = [this.of(a), this.of(b)];
    this.#parent.set(groupA, groupB);
    return groupA !== groupB;
  }
}
