// The IP addresses seen recently, each with its MAC, VLAN and port. The map is in order of the last sighting, oldest
// first.
import type { IpAddress } from './ip-address.ts';
import type { IpSource } from './ip-source.ts';

/**
 * The most addresses. This limit bounds the memory that forged addresses can take. A full table evicts the address that
 * has been silent longest.
 */
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

  /** Returns whether the address is known with the same MAC, VLAN and port. */
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

  /** Removes the addresses last seen before `time`. */
  forgetBefore(time: number): void {
    for (const [address, { at }] of this.#seen) {
      if (at >= time) return;
      this.#seen.delete(address);
    }
  }

  forgetPort(port: number): void {
    for (const [address, { sighting }] of this.#seen) if (sighting.port === port) this.#seen.delete(address);
  }

  /** Returns all sightings in order of their addresses, IPv4 first. */
  list(): Sighting[] {
    const sightings = [...this.#seen.values()].map(({ sighting }) => sighting);
    return sightings.sort((a, b) => (a.address < b.address ? -1 : 1));
  }
}
