// Searches the MAC table for the page.
import type { MacEntry } from '../switch/mac-table.ts';
import type { Switch } from '../switch/switch.ts';
import type { LiveMacs } from './live.ts';

const LISTED_MAX = 500;
/** For how long one copy of the table is searched, in milliseconds: a full table has 131072 entries. */
const COPY_MS = 1000;

export class MacSearch {
  readonly #switch: Switch;
  #copy: { at: number; entries: MacEntry[] } | undefined;

  constructor(sw: Switch) {
    this.#switch = sw;
  }

  /**
   * Returns the addresses that contain each of the words: in the address, the port's number or name, or the VLAN as in
   * `vlan10`. `port` restricts the search to one port.
   */
  find(query: string, port?: number): LiveMacs {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const names = new Map(this.#switch.ports.list().map(({ number, name }) => [number, name]));
    const entries = this.#entries();
    const matching = entries.filter((entry) => {
      if (port !== undefined && entry.port !== port) return false;
      if (words.length === 0) return true;
      const text = `${entry.mac} port${entry.port} ${names.get(entry.port) ?? ''} vlan${entry.vlan}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    // The entries are in order of the last frame, so those that are left out are the oldest.
    const first = matching
      .slice(0, LISTED_MAX)
      .sort((a, b) => a.port - b.port || a.vlan - b.vlan || (a.mac < b.mac ? -1 : 1));
    return {
      matched: matching.length,
      total: entries.length,
      macs: first.map(({ mac, vlan, port, ageSeconds }) => ({ mac, vlan, port, name: names.get(port), ageSeconds })),
    };
  }

  #entries(): MacEntry[] {
    const now = performance.now();
    if (this.#copy && now - this.#copy.at < COPY_MS) return this.#copy.entries;
    const entries = this.#switch.macs.entries();
    this.#copy = { at: now, entries };
    setTimeout(() => {
      this.#copy = undefined;
    }, COPY_MS).unref();
    return entries;
  }
}
