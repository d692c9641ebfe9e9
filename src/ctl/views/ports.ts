// The view `ports`: the rates, drops and endpoints of all ports.

import { short } from '../../protocol/units.ts';
import type { AttachmentData, CountersData, PortData, VlanData } from '../console-data.ts';
import { trafficOf } from '../rates.ts';
import { type Column, cell, formatTable } from '../table.ts';
import { describePort, ownersOf, STATE_STYLES, statesOf, vlanName } from './names.ts';
import { defineView } from './view.ts';

const COLUMNS: readonly Column[] = [
  { heading: 'PORT', right: true },
  { heading: 'NAME', least: 12 },
  { heading: 'STATE' },
  { heading: 'VLAN', right: true, rank: 1 },
  { heading: 'RX bit/s', right: true },
  { heading: 'TX bit/s', right: true },
  { heading: 'RX/s', right: true, rank: 3 },
  { heading: 'TX/s', right: true, rank: 3 },
  { heading: 'DROPS', right: true },
  { heading: 'QUEUE', right: true, rank: 4 },
  { heading: 'ENDPOINT', least: 20, rank: 2 },
];

interface Sample {
  counters: CountersData[];
  ports: PortData[];
  vlans: VlanData[];
  attachments: AttachmentData[];
}

export const portsView = defineView<Sample>({
  name: 'ports',
  syntax: '',
  help: 'show all ports: rates, drops, endpoints',
  rates: true,
  sample: async (ask) => ({
    counters: await ask('counters'),
    ports: await ask('port/allprint'),
    vlans: await ask('vlan/allprint'),
    attachments: await ask('port/attached'),
  }),
  show({ counters, ports, vlans, attachments }, before, seconds) {
    const earlier = new Map(before.counters.map((row) => [row.port, row]));
    const states = statesOf(ports, vlans);
    const owners = ownersOf(attachments);
    const numbers = new Map(counters.map((row) => [row.port, row]));
    const data = ports.flatMap((port) => {
      const row = numbers.get(port.port); // missing if the port was created after the counters were read
      if (!row) return [];
      return {
        port: port.port,
        name: port.name,
        state: states.get(port.port)!,
        untaggedVlan: port.untaggedVlan,
        ...trafficOf(row, earlier.get(port.port), seconds),
        queueFrames: row.queueFrames,
        attachment: owners.get(port.port),
        endpoints: port.endpoints,
      };
    });
    const describe = new Map(ports.map((port) => [port.port, describePort(port, owners.get(port.port))]));
    const rows = data.map(({ port, name, state, untaggedVlan, rx, tx, queueFrames }) => [
      cell(port),
      cell(name, 'bold'),
      cell(state, STATE_STYLES[state]),
      cell(vlanName(untaggedVlan)),
      cell(short(rx.bitsPerSecond)),
      cell(short(tx.bitsPerSecond)),
      cell(short(rx.framesPerSecond)),
      cell(short(tx.framesPerSecond)),
      cell(
        short(rx.drops + tx.drops),
        rx.dropsPerSecond + tx.dropsPerSecond > 0 ? 'red' : rx.drops + tx.drops > 0 ? 'yellow' : undefined,
      ),
      cell(short(queueFrames)),
      cell(describe.get(port), state === 'down' ? 'dim' : undefined),
    ]);
    return { data, draw: (screen) => formatTable(COLUMNS, rows, screen) };
  },
});
