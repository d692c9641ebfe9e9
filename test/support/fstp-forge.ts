// A spanning tree machine, and hand-made BPDUs for it.
import { type Bpdu, encodeBpdu } from '../../src/fstp/bpdu.ts';
import type { Effect } from '../../src/fstp/effect.ts';
import { SpanningTree } from '../../src/fstp/machine.ts';
import { VLAN } from './fstp-network.ts';

const FORGER = '00:ff:00:00:00:99';

/** A bridge id of the default priority. */
export function idOf(last: number): string {
  return `80:00:00:ff:00:00:00:${last.toString(16).padStart(2, '0')}`;
}

/** A machine switched on at second 0, with ports 1 to `ports` in VLAN 0. */
export function machine(ports: number, id = 5): SpanningTree {
  const tree = new SpanningTree({ mac: idOf(id).slice(6) });
  tree.createVlan(VLAN, 0);
  tree.switchOn(0);
  for (let port = 1; port <= ports; port++) tree.addPort({ vlan: VLAN, port, tagged: false }, 0);
  return tree;
}

/** A BPDU of the forger; by default the hello of a root that is worse than the machine. */
export function forged(fields: Partial<Bpdu> = {}): Buffer {
  const bpdu: Bpdu = {
    topologyChange: false,
    proposal: false,
    role: 'designated',
    forwarding: true,
    agreement: true,
    root: idOf(0x99),
    cost: 0,
    bridge: idOf(0x99),
    port: 0x8001,
    age: 0,
    ...fields,
  };
  return encodeBpdu(bpdu, { mac: FORGER });
}

/** The effects in short, in their order and without events: `1 discarding`, `flush`, `send 2`, `send 2 tc`. */
export function brief(effects: Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind === 'state') return [`${effect.port} ${effect.state}`];
    if (effect.kind === 'flush') return ['flush'];
    if (effect.kind === 'event') return [];
    return [`send ${effect.port}${(effect.bytes[21]! & 1) === 1 ? ' tc' : ''}`];
  });
}
