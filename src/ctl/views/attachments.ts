// The view `attachments`: the opened specs, and the ports that they hold.
import type { AttachmentData, PortData } from '../console-data.ts';
import { type Column, cell, formatTable } from '../table.ts';
import { byNumber, listPorts, type PortState } from './names.ts';
import { defineView } from './view.ts';

const COLUMNS: readonly Column[] = [
  { heading: 'ID', least: 12 },
  { heading: 'KIND', rank: 2 },
  { heading: 'PORTS', least: 12, wraps: true },
  { heading: 'ADDRESSES', least: 15, wraps: true, rank: 3 },
  { heading: 'SPEC', least: 20, wraps: true, rank: 1 },
];

interface Sample {
  attachments: AttachmentData[];
  ports: PortData[];
}

export const attachmentsView = defineView<Sample>({
  name: 'attachments',
  syntax: '',
  help: 'show attachments, their ports and specs',
  rates: false,
  sample: async (ask) => ({ attachments: await ask('port/attached'), ports: await ask('port/allprint') }),
  show({ attachments, ports }) {
    const known = byNumber(ports);
    const natural = new Intl.Collator('en', { numeric: true });
    const inWords = (port: number) => ({
      port,
      name: known.get(port)?.name,
      state: (known.get(port)?.active ? 'up' : 'down') as PortState,
    });
    const data = attachments
      .map(({ ports, ...rest }) => ({ ...rest, ports: ports.map(inWords) }))
      .sort((a, b) => natural.compare(a.id, b.id));
    const rows = data.map(({ id, kind, ports, addresses, spec }) => [
      cell(id, 'bold'),
      cell(kind),
      cell(listPorts(ports)),
      cell(addresses.join(', ') || '-'),
      cell(spec),
    ]);
    return { data, draw: (screen) => formatTable(COLUMNS, rows, screen) };
  },
});
