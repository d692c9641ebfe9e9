// Collects the effects of one event on one VLAN's tree, in the order that prevents loops: first port states, then the
// flush, then the BPDUs, which are composed from the new states. BPDUs and flushes are limited per second. Those beyond
// the limits wait for the next second, merged into one flush and one BPDU per port.
import { type Bpdu, encodeBpdu } from './bpdu.ts';
import { Budget } from './budget.ts';
import { type Effect, type EventCategory, type PortState, placeText } from './effect.ts';
import { FLUSHES_PER_SECOND } from './limits.ts';
import type { TreePort } from './port.ts';

const STATE_TEXT = { discarding: 'discarding', forwarding: 'learning+forwarding' } as const;

export interface Due {
  agreement?: boolean;
  topologyChange?: boolean;
}

export class Outbox {
  readonly #vlan: number;
  readonly #mac: string;
  readonly #flushes = new Budget(FLUSHES_PER_SECOND);
  readonly #due = new Map<TreePort, Due>();
  #flushDue = false;
  #effects: Effect[] = [];

  constructor(vlan: number, mac: string) {
    this.#vlan = vlan;
    this.#mac = mac;
  }

  event(category: EventCategory, port: number, rest = ''): void {
    this.#effects.push({ kind: 'event', category, text: placeText(port, this.#vlan) + rest });
  }

  state(port: TreePort, state: PortState): void {
    if (port.state !== state) this.#effects.push({ kind: 'state', port: port.number, vlan: this.#vlan, state });
    port.state = state;
    this.event('fstp/status', port.number, ` ${STATE_TEXT[state]}`);
  }

  flush(): void {
    this.#flushDue = true;
  }

  /** Emits at once a flush that was put off until the next second, since no event may come after this one. */
  flushNow(): void {
    if (this.#flushDue) this.#effects.push({ kind: 'flush', vlan: this.#vlan });
    this.#flushDue = false;
  }

  /** Queues one BPDU for the end of this event, or for the next second if the limit is reached. */
  send(port: TreePort, { agreement = false, topologyChange = false }: Due = {}): void {
    const due = this.#due.get(port);
    this.#due.set(port, {
      agreement: agreement || due?.agreement === true,
      topologyChange: topologyChange || due?.topologyChange === true,
    });
  }

  /** Drops the BPDU that is queued for a port that has been removed. */
  forget(port: TreePort): void {
    this.#due.delete(port);
  }

  /** Returns all effects that are due and within the limits. */
  take(now: number, compose: (port: TreePort, due: Due) => Bpdu): Effect[] {
    if (this.#flushDue && this.#flushes.take(now)) {
      this.#effects.push({ kind: 'flush', vlan: this.#vlan });
      this.#flushDue = false;
    }
    for (const [port, due] of this.#due) {
      if (!port.sends.take(now)) continue;
      this.#due.delete(port);
      port.offerSent = true;
      this.#effects.push(this.#frame(port, compose(port, due)));
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #frame({ number, tagged }: TreePort, bpdu: Bpdu): Effect {
    const bytes = encodeBpdu(bpdu, { mac: this.#mac, tag: tagged ? this.#vlan : undefined });
    return { kind: 'send', port: number, vlan: this.#vlan, tagged, bytes };
  }
}
