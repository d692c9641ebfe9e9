// A switch's state as Prometheus metrics, modelled on node_exporter's node_network_*. Nothing is updated between
// scrapes: families() takes one snapshot, from which all metrics are made.
import { ATTACHMENT_STATS, type AttachmentStats } from '../backends/kind.ts';
import type { PortCounters } from '../switch/counters.ts';
import type { Switch } from '../switch/switch.ts';
import { BoundedValues, describeWithoutPid } from './client-labels.ts';
import { type Family, one } from './exposition.ts';

export class SwitchMetrics {
  readonly #switch: Switch;
  readonly #version: string;
  readonly #names = new BoundedValues();
  readonly #descriptions = new BoundedValues();

  constructor(sw: Switch, version: string) {
    this.#switch = sw;
    this.#version = version;
  }

  /** Takes a snapshot of the switch, and returns its metrics. */
  families(): Family[] {
    const sw = this.#switch;
    return [
      ...portFamilies(sw.counters()),
      ...this.#endpointFamilies(),
      ...guestFamilies(sw),
      ...attachmentFamilies(sw),
      ...macFamilies(sw),
      one('gauge', 'tsvde_hub', '1 if every frame is sent to every port, 0 if addresses are learned.', sw.hub ? 1 : 0),
      {
        name: 'tsvde_engine_events_lost_total',
        type: 'counter',
        help: 'Events that the engine dropped because they were not read in time, by kind.',
        samples: Object.entries(sw.eventsLost).map(([kind, count]) => [{ kind }, count]),
      },
      {
        name: 'tsvde_build_info',
        type: 'gauge',
        help: 'Always 1.',
        samples: [[{ version: this.#version, node: process.version }, 1]],
      },
    ];
  }

  #endpointFamilies(): Family[] {
    const ports = this.#switch.ports.list();
    const now = performance.now() / 1000;
    const present = new Set(ports.map(({ number }) => number));
    const [names, descriptions] = [this.#names, this.#descriptions];
    for (const values of [names, descriptions]) values.retain(present);
    return [
      {
        name: 'tsvde_port_up',
        type: 'gauge',
        help: '1 if an endpoint is attached to the port, 0 if not.',
        samples: each(ports, ({ number: port, active }) => [[{ port }, active ? 1 : 0]]),
      },
      {
        name: 'tsvde_port_endpoints',
        type: 'gauge',
        help: 'Endpoints that are attached to the port.',
        samples: each(ports, ({ number: port, endpoints }) => [[{ port }, endpoints.length]]),
      },
      {
        name: 'tsvde_port_info',
        type: 'gauge',
        help: 'Always 1: the port, with its name and the kind of its newest endpoint.',
        samples: each(ports, ({ number: port, name = '', endpoints }) => [
          [{ port, name: names.bounded(port, name, now), kind: endpoints[0]?.kind ?? '' }, 1],
        ]),
      },
      {
        name: 'tsvde_endpoint_info',
        type: 'gauge',
        help: 'Always 1: endpoints of the port with this kind, attachment and description of the client.',
        samples: each(ports, ({ number: port, endpoints }) =>
          endpoints.map(({ kind, attachment = '', description }) => [
            { port, kind, attachment, description: descriptions.bounded(port, describeWithoutPid(description), now) },
            1,
          ]),
        ),
      },
    ];
  }
}

function portFamilies(rows: readonly PortCounters[]): Family[] {
  const family =
    (type: Family['type']) =>
    (name: string, help: string, value: (row: PortCounters) => bigint): Family => ({
      name: `tsvde_port_${name}`,
      type,
      help,
      samples: each(rows, (row) => [[{ port: row.port }, value(row)]]),
    });
  const [counter, gauge] = [family('counter'), family('gauge')];
  const direction = (direction: 'receive' | 'transmit', help: string): Family[] => {
    const from = direction === 'receive' ? 'received from the port' : 'for the port';
    const frames = (cast: 'Unicast' | 'Multicast' | 'Broadcast') => (row: PortCounters) => row[`${direction}${cast}`];
    const all = (row: PortCounters) => frames('Unicast')(row) + frames('Multicast')(row) + frames('Broadcast')(row);
    return [
      counter(`${direction}_bytes_total`, `${help}: bytes, without FCS.`, (row) => row[`${direction}Bytes`]),
      counter(`${direction}_packets_total`, `${help}: all frames.`, all),
      counter(`${direction}_unicast_packets_total`, `${help}: unicast frames.`, frames('Unicast')),
      counter(`${direction}_multicast_packets_total`, `${help}: multicast frames.`, frames('Multicast')),
      counter(`${direction}_broadcast_packets_total`, `${help}: broadcast frames.`, frames('Broadcast')),
      {
        name: `tsvde_port_${direction}_drop_total`,
        type: 'counter',
        help: `Frames ${from} that were dropped, by reason.`,
        samples: each(rows, (row) =>
          Object.entries(row[`${direction}Drops`]).map(([reason, value]) => [{ port: row.port, reason }, value]),
        ),
      },
    ];
  };
  return [
    ...direction('receive', 'Received by the switch from the port'),
    ...direction('transmit', 'Sent by the switch to the port, or queued for it'),
    counter(
      'receive_pauses_total',
      'The number of times that reading from the port was paused because the destination was full.',
      (row) => row.receivePauses,
    ),
    counter(
      'transmit_stalls_total',
      'The number of times that the port stayed full for as long as its sources may be paused.',
      (row) => row.transmitStalls,
    ),
    counter(
      'receive_kicks_total',
      'Notifications of the guest that the switch has noticed (vhost-user). Several at a time may count as one.',
      (row) => row.receiveKicks,
    ),
    counter(
      'transmit_interrupts_total',
      'The number of times that the guest was interrupted (vhost-user).',
      (row) => row.transmitInterrupts,
    ),
    gauge('queue_frames', "Frames queued for the port's endpoints.", (row) => row.queueFrames),
    gauge('queue_bytes', "Bytes queued for the port's endpoints.", (row) => row.queueBytes),
    gauge('queue_limit_frames', 'Frames that may be queued; further ones are dropped.', (row) => row.queueLimit),
  ];
}

function guestFamilies(sw: Switch): Family[] {
  const guests = sw.guests();
  return [
    {
      name: 'tsvde_endpoint_ends_total',
      type: 'counter',
      help: 'Endpoints that ended by themselves, by kind and reason: closed, error, or an error of the peer.',
      samples: sw.endpointEnds().map(({ kind, reason, count }) => [{ kind, reason }, count]),
    },
    {
      name: 'tsvde_guest_memory_bytes',
      type: 'gauge',
      help: 'Guest memory that the switch has mapped (vhost-user).',
      samples: guests.map(({ port, memoryBytes }) => [{ port }, memoryBytes]),
    },
    {
      name: 'tsvde_guest_info',
      type: 'gauge',
      help: 'Always 1: a guest, with the virtio features that it accepted (vhost-user).',
      samples: guests.map(({ port, features }) => [{ port, features }, 1]),
    },
  ];
}

/** Returns the statistics of attachments. An attachment has samples only for the statistics of its kind. */
function attachmentFamilies(sw: Switch): Family[] {
  const attachments = sw.attachments();
  return Object.entries(ATTACHMENT_STATS).map(([name, { type, help }]) => ({
    name: `tsvde_attachment_${name}${type === 'counter' ? '_total' : ''}`,
    type,
    help,
    samples: each(attachments, ({ id: attachment, kind, stats }) => {
      const value = stats[name as keyof AttachmentStats];
      return value === undefined ? [] : [[{ attachment, kind }, value]];
    }),
  }));
}

function macFamilies(sw: Switch): Family[] {
  const { entries, limit, moves, evictions } = sw.macs.stats();
  return [
    one('gauge', 'tsvde_mac_table_entries', 'Addresses in the MAC table.', entries),
    one('gauge', 'tsvde_mac_table_limit_entries', 'Addresses that the MAC table can hold.', limit),
    one('counter', 'tsvde_mac_table_moves_total', 'Times an address moved to another port.', moves),
    one('counter', 'tsvde_mac_table_evictions_total', 'Addresses evicted because the MAC table was full.', evictions),
  ];
}

/** Makes the samples of one item after another, so that rendering can pause between them. */
function* each<Item>(items: readonly Item[], samples: (item: Item) => Family['samples']): Family['samples'] {
  for (const item of items) yield* samples(item);
}
