// The page: a stream of messages goes into the model, and the parts of the page show the model.
import { bitRate, short } from '../../protocol/units.ts';
import type { LiveMessage } from '../live.ts';
import { Details } from './details.ts';
import { byId, h, setText } from './dom.ts';
import { Events } from './events.ts';
import { Macs } from './macs.ts';
import { Model } from './model.ts';
import { Picture } from './picture.ts';

const model = new Model();
const details = new Details(model, () => {
  const port = opened;
  opened = undefined;
  picture.selected = undefined;
  if (port !== undefined) picture.focus(port);
});
const picture = new Picture(byId('picture'), model, open);
const events = new Events(open);
new Macs(open);
let opened: number | undefined;

function open(port: number): void {
  if (!model.ports.has(port)) return;
  opened = port;
  picture.selected = port;
  details.open(port);
}

const portFilter = byId<HTMLInputElement>('port-filter');
const vlanFilter = byId<HTMLSelectElement>('vlan-filter');
const hideDown = byId<HTMLInputElement>('hide-down');
const filter = () => {
  const vlan = vlanFilter.value === '' ? undefined : Number(vlanFilter.value);
  picture.filter = { text: portFilter.value, vlan, hideDown: hideDown.checked };
};
for (const input of [portFilter, vlanFilter, hideDown]) input.addEventListener('input', filter);

/** Offers the VLANs of the ports for selection, and keeps the selection. */
function updateVlans(): void {
  const all = new Set([...model.ports.values()].flatMap(({ info }) => [info.untagged ?? 0, ...info.tagged]));
  const wanted = ['', ...[...all].sort((a, b) => a - b).map(String)];
  if (wanted.join() === [...vlanFilter.options].map(({ value }) => value).join()) return;
  const { value } = vlanFilter;
  vlanFilter.replaceChildren(...wanted.map((vlan) => h('option', { value: vlan }, vlan || 'all')));
  vlanFilter.value = wanted.includes(value) ? value : '';
  if (vlanFilter.value !== value) filter();
}

function updateHeader(): void {
  const { name = 'tsvde', version = '', macs: [addresses] = [0], hub, uptimeSeconds = 0 } = model.switch ?? {};
  const ports = [...model.ports.values()];
  const up = ports.filter(({ info }) => info.state !== 'down').length;
  const sum = (value: (port: (typeof ports)[number]) => number) =>
    ports.reduce((total, port) => total + value(port), 0);
  setText(byId('name'), name);
  if (document.title !== `${name} – tsvde`) document.title = `${name} – tsvde`;
  const drops = sum(({ rx, tx }) => rx.drops + tx.drops);
  const facts = [
    `${up} of ${ports.length} ports up`,
    bitRate(sum(({ rx }) => rx.bits)),
    `${short(Math.round(sum(({ rx }) => rx.frames)))} frames/s`,
    `${short(Math.round(drops))} drops/s`,
    `${addresses} ${addresses === 1 ? 'address' : 'addresses'}`,
    hub ? 'hub' : 'switch',
    `up ${uptime(uptimeSeconds)}`,
    `tsvde ${version}`,
  ];
  setText(byId('summary'), facts.join(' · '));
}

function uptime(seconds: number): string {
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days! > 0) return `${days} d ${hours} h`;
  return hours! > 0 ? `${hours} h ${minutes} min` : `${minutes} min`;
}

/** Shows whether the page is live. A browser connects again by itself, but not after a refusal. */
function tell(text: string): void {
  setText(byId('connection'), text);
  document.body.classList.toggle('lost', text !== '');
}

const RETRY_MS = 3000;

function listen(): void {
  const source = new EventSource('live');
  source.addEventListener('open', () => tell(''));
  source.addEventListener('error', () => {
    tell('No connection to the switch. Trying again …');
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
  source.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data) as LiveMessage;
    model.apply(message, Date.now());
    events.add(message);
    updateVlans();
    updateHeader();
    picture.update();
    details.update();
  });
}

listen();
