// The table of addresses, which the server searches. It is requested only while it can be seen.
import { duration } from '../../protocol/units.ts';
import type { LiveMac, LiveMacs } from '../live.ts';
import { byId, h, setText } from './dom.ts';

const PERIOD_MS = 2000;
const whole = new Intl.NumberFormat('en-GB');

export class Macs {
  readonly #input = byId<HTMLInputElement>('mac-filter');
  readonly #rows = byId('mac-rows');
  readonly #open: (port: number) => void;
  #visible = false;
  #asked = 0;

  constructor(open: (port: number) => void) {
    this.#open = open;
    this.#input.addEventListener('input', () => void this.#ask());
    new IntersectionObserver((entries) => {
      this.#visible = entries.at(-1)!.isIntersecting;
      if (this.#visible) void this.#ask();
    }).observe(byId('macs'));
    setInterval(() => {
      if (this.#visible && document.visibilityState === 'visible') void this.#ask();
    }, PERIOD_MS);
  }

  async #ask(): Promise<void> {
    const mine = ++this.#asked;
    const answer = await fetch(`macs?q=${encodeURIComponent(this.#input.value)}`).catch(() => undefined);
    if (!answer?.ok || mine !== this.#asked) return; // a later request has been sent
    const { macs, matched, total } = (await answer.json()) as LiveMacs;
    const listed = macs.length < matched ? `, the ${macs.length} latest listed` : '';
    setText(
      byId('mac-count'),
      matched === total
        ? `${whole.format(total)}${listed}`
        : `${whole.format(matched)} of ${whole.format(total)}${listed}`,
    );
    const focused = (document.activeElement as HTMLElement | null)?.dataset.mac;
    this.#rows.replaceChildren(...macs.map((entry) => this.#row(entry)));
    if (focused !== undefined) this.#rows.querySelector<HTMLElement>(`[data-mac="${CSS.escape(focused)}"]`)?.focus();
  }

  #row({ mac, vlan, port, name = '', ageSeconds }: LiveMac): HTMLElement {
    const button = h(
      'button',
      { type: 'button', class: 'link', 'data-mac': `${mac} ${vlan}`, 'aria-label': `Port ${port}` },
      port,
    );
    button.addEventListener('click', () => this.#open(port));
    return h(
      'tr',
      {},
      h('td', {}, h('code', {}, mac)),
      h('td', { class: 'number' }, vlan),
      h('td', { class: 'number' }, button),
      h('td', {}, name),
      h('td', { class: 'number' }, duration(ageSeconds)),
    );
  }
}
