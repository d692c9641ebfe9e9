// What one VLAN's tree says in answer to one event, in the order that keeps loops out: states, the flush, and then the
// BPDUs, with the states as they now are. A flood of events is answered by so many BPDUs and flushes a second; what is
// due beyond that waits, one a port, for the next second.
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

  /** Before the end of this event, or of the next second, once. */
  send(port: TreePort, { agreement = false, topologyChange = false }: Due = {}): void {
    const due = this.#due.get(port);
    this.#due.set(port, {
      agreement: agreement || due?.agreement === true,
      topologyChange: topologyChange || due?.topologyChange === true,
    });
  }

  /** That port is gone. */
  forget(port: TreePort): void {
    this.#due.delete(port);
  }

  /** All that is due and may go now. */
  take(now: number, compose: (port: TreePort, due: Due) => Bpdu): Effect[] {
    if (this.#flushDue && this.#flushes.take(now)) {
      this.#effects.push({ kind: 'flush', vlan: this.#vlan });
      this.#flushDue = false;
    }
    for (const [port, due] of this.#due) {
      if (!port.sends.take(now)) continue;
      this.#due.delete(port);
      port.told = true;
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
