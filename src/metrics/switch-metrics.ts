// A switch's state as Prometheus metrics, modelled on node_exporter's node_network_*. Nothing is updated between
// scrapes: update() sets all metrics, and the counters of all ports come from one snapshot. Values are doubles, which
// represent whole numbers exactly up to 2^53.
import { Counter, Gauge, type Registry } from 'prom-client';
import { BACKEND_STATS } from '../backends/kind.ts';
import type { PortCounters } from '../switch/counters.ts';
import type { MacStats } from '../switch/mac-table.ts';
import type { Switch } from '../switch/switch.ts';
import { BoundedValues, describeWithoutPid } from './client-labels.ts';

export class SwitchMetrics {
  readonly #switch: Switch;
  readonly #registries: readonly Registry[];
  readonly #updates: (() => void)[] = [];
  #rows: PortCounters[] = [];
  #macs: MacStats = { entries: 0, limit: 0, moves: 0n, evictions: 0n };

  constructor(sw: Switch, version: string, registries: readonly Registry[]) {
    this.#switch = sw;
    this.#registries = registries;
    this.#definePorts();
    this.#defineEndpoints();
    this.#defineAttachments();
    this.#defineMacTable();
    this.#gauge('tsvde_hub', '1 if every frame is sent to every port, 0 if addresses are learned.', () =>
      sw.hub ? 1 : 0,
    );
    const lost = this.#counter(
      'tsvde_engine_events_lost_total',
      'Events that the engine dropped because they were not read in time, by kind.',
      ['kind'],
    );
    this.#updates.push(() => {
      for (const [kind, count] of Object.entries(sw.eventsLost)) lost.inc({ kind }, Number(count));
    });
    const build = new Gauge({ ...this.#base('tsvde_build_info', 'Always 1.'), labelNames: ['version', 'node'] });
    build.set({ version, node: process.version }, 1);
  }

  update(): void {
    this.#rows = this.#switch.counters();
    this.#macs = this.#switch.macs.stats();
    for (const update of this.#updates) update();
  }

  #definePorts(): void {
    this.#direction('receive', 'Received by the switch from the port');
    this.#direction('transmit', 'Sent by the switch to the port, or queued for it');
    this.#portCounter(
      'tsvde_port_receive_pauses_total',
      'The number of times that reading from the port was paused because the destination was full.',
      (row) => row.receivePauses,
    );
    this.#portCounter(
      'tsvde_port_transmit_stalls_total',
      'The number of times that the port stayed full for as long as its sources may be paused.',
      (row) => row.transmitStalls,
    );
    this.#portGauge('tsvde_port_queue_frames', "Frames queued for the port's endpoints.", (row) => row.queueFrames);
    this.#portGauge('tsvde_port_queue_bytes', "Bytes queued for the port's endpoints.", (row) => row.queueBytes);
    this.#portGauge(
      'tsvde_port_queue_limit_frames',
      'Frames that may be queued; further ones are dropped.',
      (row) => row.queueLimit,
    );
  }

  #direction(direction: 'receive' | 'transmit', help: string): void {
    const prefix = `tsvde_port_${direction}`;
    const casts = (row: PortCounters) => ({
      unicast: row[`${direction}Unicast`],
      multicast: row[`${direction}Multicast`],
      broadcast: row[`${direction}Broadcast`],
    });
    this.#portCounter(`${prefix}_bytes_total`, `${help}: bytes, without FCS.`, (row) => row[`${direction}Bytes`]);
    this.#portCounter(`${prefix}_packets_total`, `${help}: all frames.`, (row) => {
      const { unicast, multicast, broadcast } = casts(row);
      return unicast + multicast + broadcast;
    });
    for (const cast of ['unicast', 'multicast', 'broadcast'] as const) {
      this.#portCounter(`${prefix}_${cast}_packets_total`, `${help}: ${cast} frames.`, (row) => casts(row)[cast]);
    }
    const from = direction === 'receive' ? 'received from the port' : 'for the port';
    const drops = this.#counter(`${prefix}_drop_total`, `Frames ${from} that were dropped, by reason.`, [
      'port',
      'reason',
    ]);
    this.#updates.push(() => {
      for (const row of this.#rows) {
        for (const [reason, value] of Object.entries(row[`${direction}Drops`]))
          drops.inc({ port: row.port, reason }, Number(value));
      }
    });
  }

  #defineEndpoints(): void {
    const up = new Gauge({
      ...this.#base('tsvde_port_up', '1 if an endpoint is attached to the port, 0 if not.'),
      labelNames: ['port'],
    });
    const count = new Gauge({
      ...this.#base('tsvde_port_endpoints', 'Endpoints that are attached to the port.'),
      labelNames: ['port'],
    });
    const portInfo = new Gauge({
      ...this.#base('tsvde_port_info', 'Always 1: the port, with its name and the kind of its newest endpoint.'),
      labelNames: ['port', 'name', 'kind'],
    });
    const info = new Gauge({
      ...this.#base(
        'tsvde_endpoint_info',
        'Always 1: endpoints of the port with this kind, attachment and description of the client.',
      ),
      labelNames: ['port', 'kind', 'attachment', 'description'],
    });
    const [names, descriptions] = [new BoundedValues(), new BoundedValues()];
    this.#updates.push(() => {
      for (const gauge of [up, count, portInfo, info]) gauge.reset();
      const now = performance.now() / 1000;
      const ports = this.#switch.ports.list();
      const present = new Set(ports.map(({ number }) => number));
      for (const values of [names, descriptions]) values.retain(present);
      for (const { number: port, name = '', active, endpoints } of ports) {
        up.set({ port }, active ? 1 : 0);
        count.set({ port }, endpoints.length);
        portInfo.set({ port, name: names.bounded(port, name, now), kind: endpoints[0]?.kind ?? '' }, 1);
        for (const { kind, attachment = '', description } of endpoints) {
          const text = descriptions.bounded(port, describeWithoutPid(description), now);
          info.set({ port, kind, attachment, description: text }, 1);
        }
      }
    });
  }

  /** Defines the statistics of attachments. An attachment has samples only for the statistics of its kind. */
  #defineAttachments(): void {
    for (const [name, { type, help }] of Object.entries(BACKEND_STATS)) {
      const base = this.#base(`tsvde_attachment_${name}${type === 'counter' ? '_total' : ''}`, help);
      const metric = new (type === 'counter' ? Counter : Gauge)({ ...base, labelNames: ['attachment', 'kind'] });
      this.#updates.push(() => {
        metric.reset();
        for (const { id: attachment, kind, stats } of this.#switch.attachments()) {
          const value = stats[name as keyof typeof BACKEND_STATS];
          if (value !== undefined) metric.inc({ attachment, kind }, value);
        }
      });
    }
  }

  #defineMacTable(): void {
    this.#gauge('tsvde_mac_table_entries', 'Addresses in the MAC table.', () => this.#macs.entries);
    this.#gauge('tsvde_mac_table_limit_entries', 'Addresses that the MAC table can hold.', () => this.#macs.limit);
    const moves = this.#counter('tsvde_mac_table_moves_total', 'Times an address moved to another port.', []);
    const evictions = this.#counter(
      'tsvde_mac_table_evictions_total',
      'Addresses evicted because the MAC table was full.',
      [],
    );
    this.#updates.push(() => {
      moves.inc(Number(this.#macs.moves));
      evictions.inc(Number(this.#macs.evictions));
    });
  }

  #portCounter(name: string, help: string, value: (row: PortCounters) => bigint): void {
    const counter = this.#counter(name, help, ['port']);
    this.#updates.push(() => {
      for (const row of this.#rows) counter.inc({ port: row.port }, Number(value(row)));
    });
  }

  #portGauge(name: string, help: string, value: (row: PortCounters) => bigint): void {
    const gauge = new Gauge({ ...this.#base(name, help), labelNames: ['port'] });
    this.#updates.push(() => {
      gauge.reset();
      for (const row of this.#rows) gauge.set({ port: row.port }, Number(value(row)));
    });
  }

  #gauge(name: string, help: string, value: () => number): void {
    const gauge = new Gauge(this.#base(name, help));
    this.#updates.push(() => gauge.set(value()));
  }

  /**
   * Defines a counter that copies one of the engine's. prom-client's counters can only be incremented, so the copy is
   * reset at each scrape.
   */
  #counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    const counter = new Counter({ ...this.#base(name, help), labelNames });
    this.#updates.push(() => counter.reset());
    return counter;
  }

  #base(name: string, help: string) {
    return { name, help, registers: [...this.#registries] };
  }
}
