// The list of events, the latest first.
import type { LiveEvent, LiveMessage } from '../live.ts';
import { byId, h } from './dom.ts';

const KEPT = 300;

export class Events {
  readonly #rows = byId('event-rows');
  readonly #input = byId<HTMLInputElement>('event-filter');
  readonly #open: (port: number) => void;
  #sequence = 0;
  #at = 0;

  constructor(open: (port: number) => void) {
    this.#open = open;
    this.#input.addEventListener('input', () => {
      for (const row of this.#rows.children) this.#filter(row as HTMLElement);
    });
  }

  add({ at, events }: LiveMessage): void {
    if (at < this.#at) this.#sequence = 0; // another process, which numbers its events anew
    this.#at = at;
    const unknown = events.filter(({ sequence }) => sequence > this.#sequence);
    if (unknown.length === 0) return;
    const missing = this.#sequence === 0 ? 0 : unknown[0]!.sequence - this.#sequence - 1;
    if (missing > 0)
      this.#rows.prepend(h('li', { class: 'gap' }, h('span'), h('span', {}, `${missing} events are missing`)));
    this.#rows.prepend(...unknown.toReversed().map((event) => this.#row(event)));
    this.#sequence = unknown.at(-1)!.sequence;
    while (this.#rows.children.length > KEPT) this.#rows.lastChild!.remove();
    byId('no-events').hidden = true;
  }

  #row({ time, text, port }: LiveEvent): HTMLElement {
    const date = new Date(time);
    const clock = h('time', { datetime: date.toISOString() }, date.toTimeString().slice(0, 8));
    const row = h('li', {}, clock, port === undefined ? h('span', {}, text) : this.#button(port, text));
    this.#filter(row);
    return row;
  }

  #button(port: number, text: string): HTMLElement {
    const button = h('button', { type: 'button', class: 'link' }, h('span', {}, text));
    button.addEventListener('click', () => this.#open(port));
    return button;
  }

  #filter(row: HTMLElement): void {
    const words = this.#input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = row.textContent?.toLowerCase() ?? '';
    row.hidden = !words.every((word) => text.includes(word));
  }
}
