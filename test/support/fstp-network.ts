// Switches of nothing but a spanning tree, and the segments between them, wired by queues: time is told, not waited for.
// A segment joins any number of ports: two are a cable, more a hub. Every segment has stations that want to be reached.

import type { Effect, PortState } from '../../src/fstp/effect.ts';
import { SpanningTree } from '../../src/fstp/machine.ts';

export const VLAN = 0;
/** More than any turmoil here needs in a second. */
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

interface Place {
  bridge: Bridge;
  port: number;
}

interface Segment {
  name: string;
  places: Place[];
  whole: boolean;
}

interface Flight {
  segment: Segment;
  /** undefined: nobody's port. */
  from: Place | undefined;
  bytes: Buffer;
}

export class FstpNetwork {
  now = 0;
  readonly bridges = new Map<string, Bridge>();
  readonly segments = new Map<string, Segment>();
  /** Which of the frames under way arrives next, of so many; by default in the order they left. */
  order: (count: number) => number = () => 0;
  /** Is a frame of this bridge on this segment lost? */
  lost: (bridge: string, segment: string) => boolean = () => false;
  /** Told after every frame that arrived. */
  watch: () => void = () => {};
  /** Told when a bridge forgets what it has learned at a port, or at every port. */
  forgets: (bridge: string, port?: number) => void = () => {};
  #flights: Flight[] = [];

  /** `id` is the address's last byte: the lowest is root. */
  bridge(name: string, id: number, priority?: number): Bridge {
    const mac = `00:ff:00:00:00:${id.toString(16).padStart(2, '0')}`;
    const tree = new SpanningTree(priority === undefined ? { mac } : { mac, priority });
    const bridge = { name, tree, states: new Map(), events: [], flushes: 0, sent: 0, alive: true };
    this.bridges.set(name, bridge);
    tree.createVlan(VLAN, this.now);
    tree.switchOn(this.now);
    return bridge;
  }

  /** `segment('x', 'a1 b1')`: port 1 of a, port 1 of b. */
  segment(name: string, places: string): void {
    const parse = (text: string) => ({ bridge: this.bridges.get(text.slice(0, 1))!, port: Number(text.slice(1)) });
    this.segments.set(name, { name, places: places.split(' ').map(parse), whole: false });
    this.heal(name);
  }

  /** Both ends see it. */
  cut(name: string): void {
    const segment = this.#break(name);
    for (const { bridge, port } of segment.places) {
      bridge.states.delete(port);
      this.forgets(bridge.name, port);
      this.#obey(bridge, bridge.tree.removePort({ vlan: VLAN, port }, this.now));
    }
  }

  /** No end sees it. */
  silence(name: string): void {
    this.#break(name);
  }

  heal(name: string): void {
    const segment = this.segments.get(name)!;
    segment.whole = true;
    for (const { bridge, port } of segment.places) {
      if (!bridge.states.has(port)) bridge.states.set(port, 'forwarding');
      this.#obey(bridge, bridge.tree.addPort({ vlan: VLAN, port, tagged: false }, this.now));
    }
  }

  /** It says nothing and forwards nothing from now on; the others see its ports as active. */
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

  /** Puts bytes on a segment, from nobody's port. */
  inject(name: string, bytes: Buffer): void {
    this.#flights.push({ segment: this.segments.get(name)!, from: undefined, bytes });
  }

  /** `a: 1 root forwarding, 2 designated discarding`. */
  check(name: string): string {
    const { tree } = this.bridges.get(name)!;
    const ports = tree.view(VLAN)!.ports.map(({ port, role, state }) => `${port} ${role} ${state}`);
    return `${name}: ${ports.join(', ')}`;
  }

  rootOf(name: string): string {
    return this.bridges.get(name)!.tree.view(VLAN)!.root;
  }

  /** Wires that forward, and those that are there, as edges between bridges and segments. */
  edges(): { forwarding: [string, string][]; present: [string, string][]; nodes: string[] } {
    const present: [string, string][] = [];
    const forwarding: [string, string][] = [];
    for (const segment of this.segments.values()) {
      for (const { bridge, port } of segment.places) {
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

  /** Frames of one sender on one segment stay in their order. */
  #next(): number {
    const chosen = this.#flights[this.order(this.#flights.length)]!;
    return this.#flights.findIndex(({ segment, from }) => segment === chosen.segment && samePlace(from, chosen.from));
  }

  #arrive({ segment, from, bytes }: Flight): void {
    for (const { bridge, port } of segment.places) {
      if (samePlace({ bridge, port }, from)) continue;
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
      const from = segment.places.find((place) => place.bridge === bridge && place.port === port);
      if (from && segment.whole) this.#flights.push({ segment, from, bytes });
    }
  }
}

function samePlace(a: Place | undefined, b: Place | undefined): boolean {
  return a?.bridge === b?.bridge && a?.port === b?.port;
}

/** undefined when the edges of `part` are a spanning tree of each component of `whole`; else what is wrong. */
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

  /** false: they were joined already. */
  join(a: string, b: string): boolean {
    const [groupA, groupB] = [this.of(a), this.of(b)];
    this.#parent.set(groupA, groupB);
    return groupA !== groupB;
  }
}
