// Which addresses were seen lately, and where; in the order of when they were seen last, so that what is old stands first.
import type { IpAddress } from './ip-address.ts';
import type { IpSource } from './ip-source.ts';

/** Whoever sends from made-up addresses pushes out what was silent longest, and fills no memory. */
const ADDRESSES_MAX = 65_536;

export interface Sighting extends IpSource {
  port: number;
}

export class IpTable {
  readonly #limit: number;
  readonly #seen = new Map<IpAddress, { sighting: Sighting; at: number }>();

  constructor(limit = ADDRESSES_MAX) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Is it there already, with the same MAC, VLAN and port? */
  has({ address, mac, vlan, port }: Sighting): boolean {
    const known = this.#seen.get(address)?.sighting;
    return known !== undefined && known.mac === mac && known.vlan === vlan && known.port === port;
  }

  note(sighting: Sighting, now: number): void {
    const { address } = sighting;
    this.#seen.delete(address);
    if (this.#seen.size >= this.#limit) this.#seen.delete(this.#seen.keys().next().value!);
    this.#seen.set(address, { sighting, at: now });
  }

  /** Those last seen before. */
  forgetBefore(time: number): void {
    for (const [address, { at }] of this.#seen) {
      if (at >= time) return;
      this.#seen.delete(address);
    }
  }

  forgetPort(port: number): void {
    for (const [address, { sighting }] of this.#seen) if (sighting.port === port) this.#seen.delete(address);
  }

  /** By address, IPv4 first. */
  list(): Sighting[] {
    const sightings = [...this.#seen.values()].map(({ sighting }) => sighting);
    return sightings.sort((a, b) => (a.address < b.address ? -1 : 1));
  }
}
