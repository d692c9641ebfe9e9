// Measures how the size of a switch affects the cost of a frame. The size is the number of ports, clients, addresses or
// VLANs that have nothing to do with the frame.
import { CPU, RATE } from '../columns.mjs';
import { load } from '../load.mjs';

const row = (name, words, setting, beside) => ({
  name,
  beside,
  carries: 'vde',
  needsOptions: true,
  measure: (scope, peer, { seconds }) => load(scope, peer, 'stream', { window: 64, seconds, ...words }, setting),
});

export const groups = [
  {
    title: 'hubs of 32 and 65535 ports, three clients',
    columns: [RATE, CPU],
    rows: [
      row('hub-n32', { receivers: 2 }, { hub: true, ports: 32 }),
      row('hub-n65535', { receivers: 2 }, { hub: true, ports: 65535 }, 'hub-n32'),
    ],
  },
  {
    title: '1,000 clients, two of them active',
    columns: [RATE, CPU],
    rows: [row('clients-2', {}, { ports: 1024 }), row('clients-1000', { idle: 998 }, { ports: 1024 }, 'clients-2')],
  },
  {
    title: '100,000 addresses',
    columns: [RATE, CPU],
    rows: [
      row('addresses-1', {}, { hashSize: 131072 }),
      row('addresses-100000', { addresses: 100_000 }, { hashSize: 131072 }, 'addresses-1'),
    ],
  },
  {
    title: '100 VLANs',
    columns: [RATE, CPU],
    rows: [row('vlans-0', {}, { vlans: 0 }), row('vlans-100', {}, { vlans: 100 }, 'vlans-0')],
  },
];
