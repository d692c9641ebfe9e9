// Finds MAC addresses for backends that serve guests, by combining the engine's MAC table and the port table.
import type { Whereabouts } from '../backends/kind.ts';
import type { NativeEngine } from '../system/engine.ts';
import type { PortTable } from './port-table.ts';
import { NO_VLAN } from './vlans.ts';

export class SwitchWhereabouts implements Whereabouts {
  readonly #engine: NativeEngine;
  readonly #table: PortTable;
  readonly #listeners = new Set<() => void>();

  constructor(engine: NativeEngine, table: PortTable) {
    this.#engine = engine;
    this.#table = table;
  }

  endpointsOf(mac: string, from: number): readonly number[] | undefined {
    const vlan = this.#table.get(from)?.untaggedVlan;
    if (vlan === undefined || vlan === NO_VLAN) return undefined;
    const port = this.#engine.portOf(Buffer.from(mac.replaceAll(':', ''), 'hex'), vlan);
    return port === undefined ? undefined : this.#table.get(port)?.endpoints.map(({ id }) => id);
  }

  isAttached(endpoint: number): boolean {
    return this.#table.hasEndpoint(endpoint);
  }

  onRemoved(listener: () => void, signal: AbortSignal): void {
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  /** Tells the listeners that an endpoint has been removed. Call it after every removal. */
  removed(): void {
    for (const listener of this.#listeners) listener();
  }
}
