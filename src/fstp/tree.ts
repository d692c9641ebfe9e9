// The spanning tree of one VLAN. Its times are those of clock.ts. After each event, take() returns the effects.
//
// This spanning tree differs from vde_switch's on purpose:
// - It remembers the best offer on every port, and takes the next best at once when the root port is lost. vde_switch
//   makes itself root instead and opens every port that it had blocked: a loop until the next hello.
// - On a redundant segment exactly one of the two ends blocks. vde_switch blocks both, which permanently cuts off the
//   stations of a hub between two switches.
// - Offers carry an age, counted in links and limited, so that offers of a dead root do not circulate for ever.
// - A port stays blocked while its neighbour keeps contradicting our offer. Such a neighbour does not receive our
//   BPDUs, and a link that works in one direction only would make a loop.
// - A bonus takes effect at once. A port that becomes an edge port drops its offer. No cost is less than 1.
import { type Bpdu, decodeBpdu } from './bpdu.ts';
import type { Effect } from './effect.ts';
import { type Election, elect, sameElection } from './election.ts';
import { HELLO_SECONDS, OFFER_SECONDS, PORT_COST, PORT_COST_MAX, PORT_COST_MIN, SILENCE_SECONDS } from './limits.ts';
import { type Due, Outbox } from './outbox.ts';
import { dueState, forgetNeighbours, newPort, type Role, type TreePort } from './port.ts';
import { type BridgeId, compareVectors, portId, sameSender, type Vector } from './vector.ts';
import { judge } from './verdict.ts';

export interface Bonus {
  port: number;
  cost: number;
}

export class Tree {
  readonly #own: BridgeId;
  readonly #outbox: Outbox;
  readonly #ports = new Map<number, TreePort>();
  readonly #edges = new Set<number>();
  #bonus: Bonus = { port: 0, cost: 0 };
  #election: Election;
  /** When the next hello is due; undefined while spanning tree is off: then all ports forward, and nothing is sent. */
  #helloAt: number | undefined;

  constructor(vlan: number, own: { id: BridgeId; mac: string }) {
    this.#own = own.id;
    this.#outbox = new Outbox(vlan, own.mac);
    this.#election = elect(own.id, [], () => PORT_COST);
    this.#announceRoot();
  }

  get election(): Readonly<Election> {
    return this.#election;
  }

  get bonus(): Bonus {
    return this.#bonus;
  }

  get ports(): Iterable<Readonly<TreePort>> {
    return this.#ports.values();
  }

  /** Returns the effects that are due and within the limits. Call it after every event. */
  take(now: number): Effect[] {
    return this.#outbox.take(now, (port, due) => this.#compose(port, due));
  }

  start(now: number): void {
    this.#helloAt = now + HELLO_SECONDS;
    for (const port of this.#ports.values()) this.#greet(port);
  }

  stop(): void {
    this.#helloAt = undefined;
    for (const port of this.#ports.values()) {
      this.#outbox.forget(port);
      forgetNeighbours(port);
    }
    this.#election = elect(this.#own, [], () => PORT_COST);
    this.#announceRoot();
    this.#reconsider();
    this.#outbox.flushNow();
  }

  /** Adds a port that has become active in this VLAN, or changes whether it is tagged there. */
  addPort(number: number, tagged: boolean): void {
    const known = this.#ports.get(number);
    if (known) {
      known.tagged = tagged;
      return;
    }
    const port = newPort(number, tagged, this.#edges.has(number));
    this.#ports.set(number, port);
    this.#greet(port);
  }

  removePort(number: number): void {
    const port = this.#ports.get(number);
    if (!port) return;
    if (port.heardAt !== undefined) this.#outbox.event('fstp/-', number);
    this.#outbox.forget(port);
    this.#ports.delete(number);
    this.#reconsider();
  }

  setEdge(number: number, edge: boolean): void {
    if (this.#edges.has(number) === edge) return;
    if (edge) this.#edges.add(number);
    else this.#edges.delete(number);
    const port = this.#ports.get(number);
    if (!port) return;
    forgetNeighbours(port);
    this.#outbox.forget(port);
    port.role = edge ? 'edge' : 'designated';
    this.#greet(port);
    this.#reconsider();
  }

  setBonus(bonus: Bonus): void {
    this.#bonus = bonus;
    this.#reconsider();
  }

  receive(number: number, frame: Buffer, now: number): void {
    const port = this.#ports.get(number);
    if (!port || port.role === 'edge' || this.#helloAt === undefined) return;
    const bpdu = decodeBpdu(frame);
    if (!bpdu) return;
    if (port.heardAt === undefined) this.#outbox.event('fstp/+', number);
    port.heardAt = now;
    this.#apply(port, bpdu, now);
    this.#reconsider();
    if (bpdu.topologyChange && port.state === 'forwarding') this.#changeTopology({ on: port, now });
  }

  tick(now: number): void {
    if (this.#helloAt === undefined) return;
    for (const port of this.#ports.values()) this.#expire(port, now);
    this.#reconsider();
    if (now < this.#helloAt) return;
    this.#helloAt = now + HELLO_SECONDS;
    for (const port of this.#ports.values()) if (port.role !== 'edge') this.#outbox.send(port, { agreement: true });
  }

  #greet(port: TreePort): void {
    if (this.#helloAt !== undefined && port.role !== 'edge') this.#outbox.send(port);
  }

  #apply(port: TreePort, bpdu: Bpdu, now: number): void {
    const verdict = judge(bpdu, port, this.#offered(port));
    if (verdict === 'offer') this.#keepOffer(port, bpdu, now);
    else if (verdict === 'withdrawal') port.offer = undefined;
    else if (verdict !== 'nothing' && port.role === 'designated') {
      port.conceded = verdict === 'concession' && port.offerSent;
      if (!port.conceded) this.#outbox.send(port);
    }
  }

  #keepOffer(port: TreePort, bpdu: Bpdu, now: number): void {
    const { root, cost, bridge, port: id, age } = bpdu;
    const newSender = !port.offer || !sameSender(bpdu, port.offer.vector);
    port.offer = { vector: { root, cost, bridge, port: id }, age, heardAt: now };
    // The sender may be waiting for an answer, and we have not answered this offer yet.
    if (newSender || bpdu.proposal) this.#outbox.send(port, { agreement: true });
  }

  #expire(port: TreePort, now: number): void {
    if (port.offer && now - port.offer.heardAt > OFFER_SECONDS) port.offer = undefined;
    if (port.heardAt === undefined || now - port.heardAt <= SILENCE_SECONDS) return;
    this.#outbox.event('fstp/-', port.number);
    forgetNeighbours(port);
  }

  /** Repeats the election, and updates the role and state of every port. */
  #reconsider(): void {
    const before = this.#election;
    this.#election = elect(this.#own, this.#ports.values(), (port) => this.#costOf(port));
    const { root, cost, port: rootPort } = this.#election;
    const offerChanged = root !== before.root || cost !== before.cost;
    for (const port of this.#ports.values()) this.#assignRole(port, offerChanged);
    const elected = !sameElection(before, this.#election);
    if (elected) this.#announceRoot();
    if (this.#settle(elected ? rootPort : undefined)) this.#changeTopology();
    if (rootPort && rootPort !== before.port) this.#outbox.send(rootPort, { agreement: true });
  }

  #assignRole(port: TreePort, offerChanged: boolean): void {
    const before = port.role;
    port.role = this.#roleOf(port);
    // Concessions answered the old offer. The new offer is sent, and the port is blocked until the neighbour answers.
    if (offerChanged) port.offerSent = false;
    if (offerChanged || port.role !== 'designated') port.conceded = false;
    if (port.role === 'designated') port.offer = undefined;
    if (port.heardAt !== undefined && (offerChanged || port.role !== before)) this.#outbox.send(port);
  }

  #roleOf(port: TreePort): Role {
    if (port.role === 'edge') return 'edge';
    if (port === this.#election.port) return 'root';
    if (!port.offer || compareVectors(port.offer.vector, this.#offered(port)) > 0) return 'designated';
    return port.offer.vector.bridge === this.#own ? 'backup' : 'alternate';
  }

  /**
   * Sets the state of every port, blocking ports before opening any. A newly elected root port is reported as
   * forwarding even if it was forwarding already. Returns whether any state changed.
   */
  #settle(elected: TreePort | undefined): boolean {
    const ports = [...this.#ports.values()];
    const changing = ports.filter((port) => port.state !== dueState(port));
    for (const port of changing) if (dueState(port) === 'discarding') this.#outbox.state(port, 'discarding');
    const opening = ports.filter((port) => port === elected || port.state !== dueState(port));
    for (const port of opening) this.#outbox.state(port, 'forwarding');
    return changing.length > 0;
  }

  /**
   * Flushes addresses and sends a topology change to the neighbours. Changes that a neighbour has reported (`heard`)
   * are limited to CHANGES_PER_SECOND: vde_switch forwards even a change received on a blocked port, so our change
   * returns to us over a redundant link, and the limit ends that circle. 802.1D's limit, one change in each period of a
   * hello plus 1 s (17.21.7), relies on repeated notifications. Our notifications are sent only once, so 802.1D's limit
   * would lose a second change.
   */
  #changeTopology(heard?: { on: TreePort; now: number }): void {
    this.#outbox.flush();
    for (const port of this.#ports.values()) {
      if (port === heard?.on || port.role === 'edge' || port.heardAt === undefined) continue;
      if (port.state === 'discarding' || (heard && !port.changes.take(heard.now))) continue;
      this.#outbox.send(port, { topologyChange: true });
    }
  }

  #announceRoot(): void {
    this.#outbox.event('fstp/root', this.#election.port?.number ?? 0, ` -> ${this.#election.root}`);
  }

  #costOf(port: TreePort): number {
    const bonus = this.#bonus.port === port.number ? this.#bonus.cost : 0;
    return Math.min(Math.max(PORT_COST - bonus, PORT_COST_MIN), PORT_COST_MAX);
  }

  #offered(port: TreePort): Vector {
    return { root: this.#election.root, cost: this.#election.cost, bridge: this.#own, port: portId(port.number) };
  }

  #compose(port: TreePort, { agreement = false, topologyChange = false }: Due): Bpdu {
    const forwarding = port.state === 'forwarding';
    const others = forwarding ? 'designated' : 'blocked';
    return {
      ...this.#offered(port),
      topologyChange,
      proposal: !forwarding,
      role: port.role === 'root' ? 'root' : others,
      forwarding,
      agreement,
      age: (this.#election.port?.offer?.age ?? -1) + 1,
    };
  }
}
