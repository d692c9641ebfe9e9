// The view `macs`: the learned addresses, by port.

import { duration } from '../../protocol/units.ts';
import type { MacData, PortData } from '../console-data.ts';
import { type Column, cell, formatTable } from '../table.ts';
import { byNumber, describePort } from './names.ts';
import { defineView } from './view.ts';

const COLUMNS: readonly Column[] = [
  { heading: 'ADDRESS' },
  { heading: 'VLAN', right: true },
  { heading: 'PORT', right: true },
  { heading: 'NAME', least: 10 },
  { heading: 'AGE', right: true, rank: 1 },
  { heading: 'ENDPOINT', least: 12, rank: 2 },
];

interface Sample {
  macs: MacData[];
  ports: PortData[];
}

export const macsView = defineView<Sample>({
  name: 'macs',
  syntax: '',
  help: 'show the learned addresses and their ports',
  rates: false,
  sample: async (ask) => ({ macs: await ask('hash/print'), ports: await ask('port/allprint') }),
  show({ macs, ports }) {
    const known = byNumber(ports);
    const described = new Map(ports.map((port) => [port.port, describePort(port)]));
    const data = macs
      .map(({ mac, vlan, port, ageSeconds }) => ({ mac, vlan, port, name: known.get(port)?.name, ageSeconds }))
      .sort((a, b) => a.port - b.port || a.vlan - b.vlan || (a.mac < b.mac ? -1 : 1));
    const rows = data.map(({ mac, vlan, port, name, ageSeconds }) => [
      cell(mac),
      cell(vlan),
      cell(port),
      cell(name, 'bold'),
      cell(duration(ageSeconds)),
      cell(described.get(port)),
    ]);
    return { data, draw: (screen) => formatTable(COLUMNS, rows, screen) };
  },
});
