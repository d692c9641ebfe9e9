// What is attached by a spec: opened, named, given places at the switch, and taken away again. A spec that cannot be opened
// leaves nothing behind; one that ends by itself is forgotten.

import { SwitchError } from '../protocol/errors.ts';
import type { Log, LogLevel } from '../system/log.ts';
import type { Transport } from '../system/native.ts';
import type { Backend, BackendHost, BackendStats, Place, PlacedEndpoint, PortRange } from './kind.ts';
import type { PortRequest } from './kinds.ts';

/** What a spec has at the switch. */
export interface AttachedPort {
  /** By `id=`, or the kind and a number. */
  id: string;
  kind: string;
  /** As it was written. */
  spec: string;
  /** The ports it holds now, ascending: a listening one holds none without a client. */
  ports: number[];
  stats: BackendStats;
  backend: Backend;
}

/** What this needs of the switch. */
export interface BackendSwitch {
  directory(): string | undefined;
  /** Lowest free port of `first` to `last`, or of all; held for `holder` until it is released. */
  claim(holder: string, range?: PortRange): { port: number; undo(): void };
  release(port: number): void;
  attach(
    port: number,
    endpoint: { backend: string; spec: string; description: string },
    transport: Transport,
    ended: (why: string) => void,
  ): number;
  detach(port: number, endpoint: number): void;
  /** Makes the VLAN where there is none; undoes that. */
  ensureVlan(vlan: number): () => void;
  /** Returns what puts the port back into the VLAN it was in. */
  setVlan(port: number, vlan: number): () => void;
  log: Log;
}

interface Entry {
  id: string;
  request: PortRequest;
  /** And what undoes that its port came to be. */
  places: Map<Place, () => void>;
  backend: Backend | undefined;
  over: AbortController;
}

export class Backends {
  readonly #switch: BackendSwitch;
  readonly #entries = new Map<string, Entry>();
  readonly #opening = new Map<Entry, Promise<AttachedPort>>();
  #closed = false;

  constructor(sw: BackendSwitch) {
    this.#switch = sw;
  }

  list(): AttachedPort[] {
    return [...this.#entries.values()].flatMap((entry) => (entry.backend ? [describe(entry, entry.backend)] : []));
  }

  /** Throws SwitchError: EEXIST for an id that is taken; else what the kind says. */
  async attach(request: PortRequest): Promise<AttachedPort> {
    const entry = this.#enter(request);
    const opening = this.#open(entry);
    this.#opening.set(entry, opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(entry);
    }
  }

  /** By a port that it holds, or by its id; one that is still being opened is given up. ENXIO. */
  async detach(which: number | string): Promise<void> {
    const entry = [...this.#entries.values()].find(({ id, places }) =>
      typeof which === 'number' ? [...places.keys()].some(({ port }) => port === which) : id === which,
    );
    if (!entry)
      throw new SwitchError(
        'ENXIO',
        typeof which === 'number' ? `nothing is attached to port ${which} by a spec` : `no port has the id '${which}'`,
      );
    entry.over.abort();
    await this.#opening.get(entry)?.catch(() => {});
    await this.#remove(entry);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { over } of this.#entries.values()) over.abort();
    await Promise.allSettled([...this.#opening.values()]);
    await Promise.all([...this.#entries.values()].map((entry) => this.#remove(entry)));
  }

  #enter(request: PortRequest): Entry {
    if (this.#closed) throw new SwitchError('ENODEV', 'the switch is closed');
    const id = request.values.id ?? this.#freeId(request.kind.name);
    if (this.#entries.has(id)) throw new SwitchError('EEXIST', `a port with the id '${id}' is attached already`);
    const entry: Entry = { id, request, places: new Map(), backend: undefined, over: new AbortController() };
    this.#entries.set(id, entry);
    return entry;
  }

  async #open(entry: Entry): Promise<AttachedPort> {
    const { kind, values } = entry.request;
    const forgetVlan = values.vlan === undefined ? undefined : this.#switch.ensureVlan(values.vlan);
    let ended = false;
    const end = () => {
      ended = true;
      if (entry.backend) void this.#remove(entry);
    };
    const givenUp = () => new SwitchError('ENODEV', `${entry.id} was detached before it was open`);
    try {
      entry.backend = await kind.open(values, this.#host(entry, end));
      if (entry.over.signal.aborted) throw givenUp();
    } catch (error) {
      await entry.backend?.close();
      const undone = [...entry.places.values()];
      this.#forget(entry);
      for (const undo of undone) undo();
      forgetVlan?.();
      throw entry.over.signal.aborted ? givenUp() : error;
    }
    const attached = describe(entry, entry.backend);
    if (ended) await this.#remove(entry);
    return attached;
  }

  async #remove(entry: Entry): Promise<void> {
    if (this.#entries.get(entry.id) !== entry) return;
    entry.over.abort();
    await entry.backend?.close();
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    for (const place of [...entry.places.keys()]) place.release();
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
  }

  #host(entry: Entry, end: () => void): BackendHost {
    const { id } = entry;
    return {
      id,
      directory: this.#switch.directory(),
      over: entry.over.signal,
      log: (message: string, level?: LogLevel) => this.#switch.log(`${id}: ${message}`, level),
      claim: ({ atMost = 1 } = {}) => this.#claim(entry, atMost),
      end,
    };
  }

  #claim(entry: Entry, atMost: number): Place {
    if (this.#entries.get(entry.id) !== entry) throw new SwitchError('ENODEV', `${entry.id} is detached`);
    const { switchport, vlan } = entry.request.values;
    const range = switchport === undefined ? undefined : { first: switchport, last: switchport + atMost - 1 };
    const { port, undo } = this.#switch.claim(entry.id, range);
    const restoreVlan = vlan === undefined ? undefined : this.#switch.setVlan(port, vlan);
    let endpoint: number | undefined;
    const detach = () => {
      if (endpoint !== undefined) this.#switch.detach(port, endpoint);
      endpoint = undefined;
    };
    const place: Place = {
      port,
      attach: ({ transport, description, ended }: PlacedEndpoint) => {
        detach();
        const what = { backend: entry.request.kind.name, spec: entry.id, description };
        endpoint = this.#switch.attach(port, what, transport, (why) => {
          detach();
          ended(why);
        });
      },
      detach,
      release: () => {
        if (!entry.places.delete(place)) return;
        detach();
        restoreVlan?.();
        this.#switch.release(port);
      },
    };
    entry.places.set(place, undo);
    return place;
  }

  #freeId(kind: string): string {
    for (let i = 0; ; i++) if (!this.#entries.has(`${kind}${i}`)) return `${kind}${i}`;
  }
}

function describe({ id, request, places }: Entry, backend: Backend): AttachedPort {
  return {
    id,
    kind: request.kind.name,
    spec: request.spec,
    ports: [...places.keys()].map(({ port }) => port).sort((a, b) => a - b),
    stats: backend.stats?.() ?? {},
    backend,
  };
}
