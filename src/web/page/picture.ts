// The picture: the switch, its ports and what is on them. Elements are made when ports come or go; each second only the
// attributes that have changed are set.
import { short } from '../../protocol/units.ts';
import { s, setAttribute, setText } from './dom.ts';
import { BOX_HEIGHT, type Layout, layOut, lineWidth, type Place } from './layout.ts';
import type { Model, Port } from './model.ts';

interface Drawn {
  group: SVGGElement;
  line: SVGLineElement;
  strip: SVGRectElement;
  name: SVGTextElement;
  about: SVGTextElement;
  rx: SVGTextElement;
  tx: SVGTextElement;
  title: SVGTitleElement;
  place: Place;
}

export interface Filter {
  text: string;
  vlan: number | undefined;
  hideDown: boolean;
}

const PORT_BADGE = { width: 32, height: 22 };
const CHARACTER = 8.6; // the mean width of a character of a name, in pixels

export class Picture {
  readonly #model: Model;
  readonly #place: HTMLElement;
  readonly #open: (port: number) => void;
  readonly #svg = s('svg', { role: 'group', 'aria-labelledby': 'network-heading' });
  readonly #empty = document.createElement('p');
  readonly #drawn = new Map<number, Drawn>();
  #layout: Layout = layOut(0, 800);
  #filter: Filter = { text: '', vlan: undefined, hideDown: false };
  #shown = '';
  #selected: number | undefined;

  constructor(place: HTMLElement, model: Model, open: (port: number) => void) {
    this.#model = model;
    this.#place = place;
    this.#open = open;
    this.#empty.className = 'empty';
    place.append(this.#svg, this.#empty);
    this.#svg.addEventListener('click', (event) => this.#activate(event.target));
    this.#svg.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(place);
  }

  set filter(filter: Filter) {
    this.#filter = filter;
    this.update();
  }

  /** The port whose details are shown. */
  set selected(port: number | undefined) {
    for (const [number, drawn] of this.#drawn)
      drawn.group.setAttribute('aria-expanded', number === port ? 'true' : 'false');
    this.#selected = port;
  }

  focus(port: number): void {
    this.#drawn.get(port)?.group.focus();
  }

  /** Shows the model's present state. */
  update(): void {
    const shown = this.#ports().map(({ number }) => number);
    if (shown.join() !== this.#shown) this.#draw();
    else for (const number of shown) this.#refresh(this.#model.ports.get(number)!);
  }

  /** Returns the ports that the filter shows. */
  #ports(): Port[] {
    const { text, vlan, hideDown } = this.#filter;
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return this.#model.sorted().filter(({ info, number, label }) => {
      if (hideDown && info.state === 'down') return false;
      if (vlan !== undefined && info.untagged !== vlan && !info.tagged.includes(vlan)) return false;
      const about = `${number} ${label} ${info.endpoints.map(({ kind }) => kind).join(' ')}`.toLowerCase();
      return words.every((word) => (/^\d+$/.test(word) ? String(number) === word : about.includes(word)));
    });
  }

  #draw(): void {
    const ports = this.#ports();
    this.#shown = ports.map(({ number }) => number).join();
    const width = Math.max(280, this.#place.clientWidth);
    this.#layout = layOut(ports.length, width);
    const { bar, columns, height } = this.#layout;
    const focused = Number((document.activeElement as HTMLElement | null)?.dataset.port ?? Number.NaN);
    const name = this.#model.switch?.name ?? '';
    this.#drawn.clear();
    const groups = ports.map((port, i) => this.#make(port, this.#layout.places[i]!));
    this.#svg.replaceChildren(
      ...columns.map((column) =>
        s('rect', { ...column, y: column.y - 8, height: column.height + 8, rx: 8, class: 'column' }),
      ),
      s('rect', { ...bar, rx: 8, class: 'bar-of-switch' }),
      s(
        'text',
        { x: bar.x + bar.width / 2, y: bar.y + 29, class: 'switch-name', 'text-anchor': 'middle' },
        cut(name, bar.width - 24),
      ),
      ...groups,
    );
    this.#svg.setAttribute('width', String(width));
    this.#svg.setAttribute('height', String(height + 8));
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height + 8}`);
    setText(this.#empty, ports.length > 0 ? '' : this.#model.ports.size > 0 ? 'No port matches.' : 'No ports yet.');
    for (const port of ports) this.#refresh(port);
    this.#roam(this.#drawn.has(focused) ? focused : (ports[0]?.number ?? 0));
    if (this.#drawn.has(focused)) this.focus(focused);
    this.selected = this.#selected;
  }

  #make(port: Port, place: Place): SVGGElement {
    const { side, from, to, y } = place;
    const { box } = this.#layout;
    const left = side > 0 ? to : to - box;
    const badge = side > 0 ? from - PORT_BADGE.width - 4 : from + 4;
    const line = s('line', { x1: from, x2: to, y1: y, y2: y, class: 'line' });
    const strip = s('rect', { x: left + 5, y: y - 15, width: 4, height: 30, rx: 2 });
    const name = s('text', { x: left + 16, y: y - 4, class: 'port-name' });
    const about = s('text', { x: left + 16, y: y + 14, class: 'about' });
    const rx = s('text', { x: left + box - 9, y: y - 4, class: 'rate', 'text-anchor': 'end' });
    const tx = s('text', { x: left + box - 9, y: y + 14, class: 'rate', 'text-anchor': 'end' });
    const title = s('title');
    const number = s(
      'text',
      { x: badge + PORT_BADGE.width / 2, y: y + 4.5, class: 'badge-number', 'text-anchor': 'middle' },
      port.number,
    );
    const group = s(
      'g',
      { class: 'port', role: 'button', tabindex: -1, 'data-port': port.number, 'aria-expanded': 'false' },
      title,
      line,
      s('rect', { x: badge, y: y - PORT_BADGE.height / 2, ...PORT_BADGE, rx: 4, class: 'badge' }),
      s('rect', { x: left, y: y - BOX_HEIGHT / 2, width: box, height: BOX_HEIGHT, rx: 6, class: 'box' }),
      strip,
      // Hidden from screen readers: the title, which names the group, says the same without the rates, so that it does
      // not change every second.
      s('g', { 'aria-hidden': 'true' }, number, name, about, rx, tx),
    );
    this.#drawn.set(port.number, { group, line, strip, name, about, rx, tx, title, place });
    return group;
  }

  #refresh(port: Port): void {
    const drawn = this.#drawn.get(port.number);
    if (!drawn) return;
    const { info, rx, tx } = port;
    const appearance = port.appearance(this.#model.now);
    const room = this.#layout.box;
    const kind = info.endpoints[0]?.kind ?? '';
    const vlans = describeVlans(info);
    const state = appearance === 'up' ? kind : appearance;
    const isUp = info.state !== 'down';
    const width = Math.max(lineWidth(rx.bits + tx.bits), appearance === 'dropping' ? 3 : 0);
    setAttribute(drawn.group, 'class', `port ${appearance}`);
    setAttribute(drawn.line, 'stroke-width', width.toFixed(1));
    setAttribute(drawn.strip, 'class', `strip vlan-${colourOf(info.untagged)}`);
    setText(drawn.name, cut(port.label || (isUp ? `port ${port.number}` : '–'), room - 84));
    setText(drawn.about, cut(`${state} · ${vlans}`, (room - 84) * 1.25));
    setText(drawn.rx, isUp ? `rx ${short(Math.round(rx.bits))}` : '');
    setText(drawn.tx, isUp ? `tx ${short(Math.round(tx.bits))}` : '');
    const named = port.label === '' ? '' : `, ${port.label}`;
    setText(drawn.title, `Port ${port.number}${named}, ${appearance}, ${vlans}`);
  }

  #activate(target: EventTarget | null): void {
    const number = portOf(target);
    if (number === undefined) return;
    this.#roam(number);
    this.#open(number);
  }

  #key(event: KeyboardEvent): void {
    const number = portOf(event.target);
    if (number === undefined) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.#open(number);
      return;
    }
    const numbers = [...this.#drawn.keys()];
    const step = this.#isTwoSided() ? 2 : 1;
    const steps: Record<string, number> = { ArrowDown: step, ArrowUp: -step, ArrowRight: 1, ArrowLeft: -1 };
    const at = numbers.indexOf(number);
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? numbers.length - 1 : at + (steps[event.key] ?? 0);
    const to = numbers[Math.max(0, Math.min(numbers.length - 1, next))];
    if (next === at || to === undefined) return;
    event.preventDefault();
    this.#roam(to);
    this.focus(to);
  }

  #isTwoSided(): boolean {
    return this.#layout.places[0]?.side === -1;
  }

  /** Makes one port the picture's only stop of the Tab key. */
  #roam(number: number): void {
    for (const [other, { group }] of this.#drawn) setAttribute(group, 'tabindex', other === number ? '0' : '-1');
  }
}

export function describeVlans({ untagged, tagged }: { untagged?: number | undefined; tagged: number[] }): string {
  const list = tagged.length > 0 ? `+${tagged.join(' +')}` : '';
  return untagged === undefined ? `tagged ${list || 'none'}` : `VLAN ${untagged}${list && ` ${list}`}`;
}

/** One of the eight colours of VLANs; VLAN 0 has the first. */
export function colourOf(vlan: number | undefined): number {
  return vlan === undefined || vlan === 0 ? 0 : 1 + (vlan % 7);
}

function portOf(target: EventTarget | null): number | undefined {
  const group = (target as Element | null)?.closest<SVGGElement>('[data-port]');
  return group ? Number(group.dataset.port) : undefined;
}

/** Shortens a text to about the given width in pixels. */
function cut(text: string, width: number): string {
  const characters = [...text];
  const most = Math.max(4, Math.floor(width / CHARACTER));
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}
