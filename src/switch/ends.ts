// Counts the endpoints that have ended by themselves, by kind and reason.

/** How many endpoints of a kind have ended by themselves for one reason, since the switch was made. */
export interface EndpointEnds {
  /** The kind of the endpoints, as in EndpointInfo. */
  kind: string;
  /**
   * `closed` by the peer, `bad_length` in a stream, a violation of the vhost-user protocol by its name, such as
   * `bad_available_index`, or `error`.
   */
  reason: string;
  /** The number of endpoints. */
  count: number;
}

export class Ends {
  readonly #rows = new Map<string, EndpointEnds>();

  add(kind: string, reason: string): void {
    const key = `${kind} ${reason}`;
    const row = this.#rows.get(key) ?? { kind, reason, count: 0 };
    row.count++;
    this.#rows.set(key, row);
  }

  list(): EndpointEnds[] {
    return [...this.#rows.values()].map((row) => ({ ...row }));
  }
}
