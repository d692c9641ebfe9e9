// One port in detail: what is on it, its rates, counters, drops by reason and addresses.
import { bitRate, duration } from '../../protocol/units.ts';
import type { LiveFlow, LiveMacs } from '../live.ts';
import { Chart } from './chart.ts';
import { byId, h, setText } from './dom.ts';
import { framesOf, type Model, type Port } from './model.ts';
import { describeVlans } from './picture.ts';

const whole = new Intl.NumberFormat('en-GB');
/** The port's addresses are requested once for this many messages. */
const ADDRESSES_EVERY = 3;

export class Details {
  readonly #model: Model;
  readonly #closed: () => void;
  readonly #place = byId('details');
  #number: number | undefined;
  #chart: Chart | undefined;
  #facts = h('dl');
  #counters = h('tbody');
  #drops = h('div');
  #addresses = h('ul');
  #round = 0;

  constructor(model: Model, closed: () => void) {
    this.#model = model;
    this.#closed = closed;
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#number !== undefined) this.close();
    });
  }

  get number(): number | undefined {
    return this.#number;
  }

  open(number: number): void {
    this.#chart?.close();
    this.#number = number;
    this.#round = 0;
    this.#facts = h('dl');
    this.#counters = h('tbody');
    this.#drops = h('div');
    this.#addresses = h('ul', { class: 'addresses' });
    const close = h('button', { type: 'button', 'aria-label': 'Close details' }, '×');
    close.addEventListener('click', () => this.close());
    const heading = h('h2', { id: 'details-heading', tabindex: -1 });
    const chart = h('div', { class: 'chart' });
    this.#place.replaceChildren(
      h('div', { class: 'bar' }, heading, close),
      this.#facts,
      h('h3', {}, 'Rates of the last ten minutes, bit/s'),
      chart,
      h('h3', {}, 'Counters'),
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('td'),
            h('th', { scope: 'col', class: 'number' }, 'rx'),
            h('th', { scope: 'col', class: 'number' }, 'tx'),
          ),
        ),
        this.#counters,
      ),
      h('h3', {}, 'Drops'),
      this.#drops,
      h('h3', {}, 'Addresses'),
      this.#addresses,
    );
    this.#place.hidden = false;
    document.body.classList.add('with-details');
    this.#chart = new Chart(chart);
    this.update();
    heading.focus();
  }

  close(): void {
    this.#chart?.close();
    this.#chart = undefined;
    this.#number = undefined;
    this.#place.hidden = true;
    this.#place.replaceChildren();
    document.body.classList.remove('with-details');
    this.#closed();
  }

  /** Shows the model's present state. */
  update(): void {
    if (this.#number === undefined) return;
    const port = this.#model.ports.get(this.#number);
    if (!port) {
      this.close();
      return;
    }
    setText(
      byId('details-heading'),
      port.info.name === undefined ? `Port ${port.number}` : `Port ${port.number}: ${port.info.name}`,
    );
    this.#facts.replaceChildren(...this.#describe(port));
    this.#chart?.show(this.#model.history(port));
    this.#counters.replaceChildren(...counterRows(port));
    this.#drops.replaceChildren(dropsTable(port));
    if (this.#round++ % ADDRESSES_EVERY === 0) void this.#ask(port.number);
  }

  #describe({ info, counters, ...port }: Port): HTMLElement[] {
    const [queued = 0, limit = 0] = counters?.queue ?? [];
    const appearance = this.#model.ports.get(info.port)!.appearance(this.#model.now);
    const facts: [string, string][] = [
      ['State', appearance],
      ['VLANs', describeVlans(info)],
      ...(info.attachment === undefined ? [] : [['Attachment', info.attachment] as [string, string]]),
      ...info.endpoints.map(({ id, kind, description }): [string, string] => [
        `Endpoint ${id}`,
        `${kind} ${description}`,
      ]),
      ['Now', `rx ${bitRate(port.rx.bits)}, tx ${bitRate(port.tx.bits)}`],
      ['Queue', `${whole.format(queued)} of ${whole.format(limit)} frames`],
      ['Paused, stalled', `${whole.format(counters?.pauses ?? 0)}, ${whole.format(counters?.stalls ?? 0)} times`],
    ];
    return facts.map(([term, text]) => h('div', {}, h('dt', {}, term), h('dd', {}, text)));
  }

  async #ask(number: number): Promise<void> {
    const answer = await fetch(`macs?port=${number}`).catch(() => undefined);
    if (!answer?.ok || this.#number !== number) return;
    const { macs, matched } = (await answer.json()) as LiveMacs;
    const items = macs
      .slice(0, 50)
      .map(({ mac, vlan, ageSeconds }) =>
        h('li', {}, h('code', {}, mac), ` VLAN ${vlan}, ${duration(ageSeconds)} ago`),
      );
    if (matched > items.length) items.push(h('li', {}, `and ${whole.format(matched - items.length)} more`));
    this.#addresses.replaceChildren(...(items.length > 0 ? items : [h('li', {}, 'none learned')]));
  }
}

function counterRows({ counters }: Port): HTMLElement[] {
  if (!counters) return [];
  const row = (label: string, value: (flow: LiveFlow) => number) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, label),
      h('td', { class: 'number' }, whole.format(value(counters.rx))),
      h('td', { class: 'number' }, whole.format(value(counters.tx))),
    );
  return [
    row('bytes', ({ bytes }) => bytes),
    row('frames', framesOf),
    row('unicast', ({ unicast }) => unicast),
    row('multicast', ({ multicast }) => multicast),
    row('broadcast', ({ broadcast }) => broadcast),
  ];
}

function dropsTable({ counters }: Port): HTMLElement {
  const rows = (['rx', 'tx'] as const).flatMap((direction) =>
    Object.entries(counters?.[direction].drops ?? {}).map(([reason, count]) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, `${direction} ${reason.replaceAll('_', ' ')}`),
        h('td', { class: 'number' }, whole.format(count)),
      ),
    ),
  );
  return rows.length > 0 ? h('table', {}, h('tbody', {}, ...rows)) : h('p', {}, 'none');
}
