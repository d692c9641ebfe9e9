// The view `vlans`: the VLANs and their ports.
import type { PortData, VlanData } from '../console-data.ts';
import { type Column, cell, formatTable } from '../table.ts';
import { byNumber, listPorts, type PortState } from './names.ts';
import { defineView } from './view.ts';

const COLUMNS: readonly Column[] = [
  { heading: 'VLAN', right: true },
  { heading: 'UNTAGGED', least: 18, wraps: true },
  { heading: 'TAGGED', least: 18, wraps: true },
];

interface Sample {
  vlans: VlanData[];
  ports: PortData[];
}

export const vlansView = defineView<Sample>({
  name: 'vlans',
  syntax: '',
  help: 'show the VLANs and their ports',
  rates: false,
  sample: async (ask) => ({ vlans: await ask('vlan/allprint'), ports: await ask('port/allprint') }),
  show({ vlans, ports }) {
    const known = byNumber(ports);
    const data = vlans.map(({ vlan, ports }) => ({
      vlan,
      ports: ports.map(({ port, tagged, active, state }) => ({
        port,
        name: known.get(port)?.name,
        tagged,
        state: (!active ? 'down' : state === 'discarding' ? 'blocked' : 'up') as PortState,
      })),
    }));
    const list = (members: (typeof data)[number]['ports'], tagged: boolean) =>
      listPorts(members.filter((member) => member.tagged === tagged));
    const rows = data.map(({ vlan, ports }) => [cell(vlan, 'bold'), cell(list(ports, false)), cell(list(ports, true))]);
    return { data, draw: (screen) => formatTable(COLUMNS, rows, screen) };
  },
});
