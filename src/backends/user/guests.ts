// The guests of a user-mode network: the stack reports their addresses, and the switch knows whether they are still
// present. The switch soon forgets a silent address, but a guest whose endpoint is attached may return.
import type { Whereabouts } from '../kind.ts';

export interface Guest {
  mac: string;
  ipv4: string | undefined;
  ipv6: string | undefined;
  /** Whether the guest's IPv4 address was leased by DHCP. */
  leased: boolean;
}

/**
 * A guest is `quiet` if it has been silent for long but its endpoint is attached. It is `unknown` if it was never in
 * the switch's MAC table, for example behind a hub.
 */
export type Presence = 'present' | 'quiet' | 'unknown' | 'gone';

export class Guests {
  readonly #whereabouts: Whereabouts;
  readonly #port: number;
  #list: readonly Guest[] = [];
  /** For each guest's MAC address, the endpoints of the port where it was last seen. */
  readonly #endpoints = new Map<string, readonly number[]>();

  /** `port` is the port of the user-mode network. */
  constructor(whereabouts: Whereabouts, port: number) {
    this.#whereabouts = whereabouts;
    this.#port = port;
  }

  get list(): readonly Guest[] {
    return this.#list;
  }

  /** Replaces the list of guests with the words of the stack's `guests` line, one word for each guest. */
  update(words: readonly string[]): void {
    this.#list = words.filter((word) => word !== '').map(parseGuest);
    const known = new Set(this.#list.map(({ mac }) => mac));
    for (const mac of this.#endpoints.keys()) if (!known.has(mac)) this.#endpoints.delete(mac);
    for (const mac of known) this.presence(mac);
  }

  presence(mac: string): Presence {
    const endpoints = this.#whereabouts.endpointsOf(mac, this.#port);
    if (endpoints) {
      this.#endpoints.set(mac, endpoints);
      return 'present';
    }
    const last = this.#endpoints.get(mac);
    if (!last) return 'unknown';
    return last.some((endpoint) => this.#whereabouts.isAttached(endpoint)) ? 'quiet' : 'gone';
  }

  /**
   * Returns the guests whose lease the stack may take back: one guest that is gone or, if no guest is gone, all guests
   * that are unknown or quiet. `macs` begins with the guest that has been silent longest.
   */
  reclaimable(macs: readonly string[]): { gone: string } | { quiet: string[] } {
    const presences = macs.map((mac) => [mac, this.presence(mac)] as const);
    const gone = presences.find(([, presence]) => presence === 'gone');
    if (gone) return { gone: gone[0] };
    const those = (wanted: Presence) => presences.filter(([, presence]) => presence === wanted).map(([mac]) => mac);
    return { quiet: [...those('unknown'), ...those('quiet')] };
  }

  /**
   * Returns the guest address for forwards whose rules give no guest address. Only guests that are present or quiet
   * count. If one of them has the address `now`, returns `now`. Otherwise returns the address of the only guest with a
   * DHCP lease or, if no guest has a lease, of the only guest. If there is no such guest or there are several, returns
   * `now`.
   */
  only(family: 'ipv4' | 'ipv6', now: string | undefined): string | undefined {
    const there = this.#list.filter(
      (guest) => guest[family] !== undefined && /present|quiet/.test(this.presence(guest.mac)),
    );
    if (there.some((guest) => guest[family] === now)) return now;
    const leased = there.filter((guest) => guest.leased);
    const candidates = leased.length > 0 ? leased : there;
    return candidates.length === 1 ? candidates[0]![family] : now;
  }
}

function parseGuest(word: string): Guest {
  const [mac = '', ipv4, ipv6, leased] = word.split(',');
  return {
    mac,
    ipv4: ipv4 === '0.0.0.0' ? undefined : ipv4,
    ipv6: ipv6 === '::' ? undefined : ipv6,
    leased: leased === '1',
  };
}
