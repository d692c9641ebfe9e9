// Opens, lists and closes the attachments of a switch. An attachment is an opened spec with the ports that it holds.
import { SwitchError } from '../protocol/errors.ts';
import { LineLimit } from '../system/line-limit.ts';
import type { Log, LogFields, LogLevel } from '../system/log.ts';
import type { Reservation, Reservations } from '../system/reservation.ts';
import type { AttachmentStats, Backend, Host, Whereabouts } from './kind.ts';
import type { PortRequest } from './kinds.ts';

/** A spec that has been opened. */
export interface Attachment {
  /**
   * The attachment's name in logs, metrics and detach(): the value of `id=`, otherwise the kind and a number, such as
   * `tap0`.
   */
  id: string;
  /** The kind of the spec, such as `tap`. */
  kind: string;
  /** The spec as text, `KIND,key=value…`. A spec that was given as an object is converted to text. */
  spec: string;
  /**
   * The numbers of the ports that the attachment holds now, ascending. An attachment that listens holds one port for
   * each client.
   */
  ports: number[];
  /** The addresses that the attachment listens or receives on. */
  addresses: readonly string[];
  /** The current statistics. The kind determines which of them are present. */
  stats: AttachmentStats;
  /** @internal */
  backend: Backend;
}

/** The functions of the switch, other than those for ports, that attachments use. */
export interface AttachmentEnvironment {
  /** The switch's own control directory; undefined until the switch listens. */
  directory(): string | undefined;
  whereabouts: Whereabouts;
  tell(event: AttachmentEvent): void;
  log: Log;
}

/** An event of an attachment; see SwitchEvent. */
export type AttachmentEvent =
  | { type: 'attachment-opened' | 'attachment-closed'; attachment: string; kind: string }
  | { type: 'attachment-reconnecting'; attachment: string; kind: string; reason: string };

interface Entry {
  id: string;
  request: PortRequest;
  reservations: Set<Reservation>;
  backend: Backend | undefined;
  closing: AbortController;
  /** The attachment's log. Its lines are limited, since peers can cause most of them. */
  log: LineLimit;
}

export class Attachments {
  readonly #reservations: Reservations;
  readonly #environment: AttachmentEnvironment;
  readonly #entries = new Map<string, Entry>();
  readonly #opening = new Map<Entry, Promise<Attachment>>();
  #closed = false;

  constructor(reservations: Reservations, environment: AttachmentEnvironment) {
    this.#reservations = reservations;
    this.#environment = environment;
  }

  list(): Attachment[] {
    return [...this.#entries.values()].flatMap((entry) => (entry.backend ? [describe(entry, entry.backend)] : []));
  }

  /**
   * Opens a spec. Throws SwitchError EEXIST if the ID is taken and ENODEV once the switch is closed. Also throws the
   * errors of the kind's open(), and the abort signal's reason.
   */
  async attach(request: PortRequest, signal?: AbortSignal): Promise<Attachment> {
    signal?.throwIfAborted();
    const entry = this.#enter(request);
    const abandon = () => entry.closing.abort();
    signal?.addEventListener('abort', abandon);
    const opening = this.#open(entry);
    this.#opening.set(entry, opening);
    try {
      return await opening;
    } finally {
      signal?.removeEventListener('abort', abandon);
      this.#opening.delete(entry);
      if (signal?.aborted) await this.#remove(entry);
      signal?.throwIfAborted();
    }
  }

  /** Returns whether an attachment, open or opening, has this ID. */
  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /**
   * Closes the attachment that has this ID or holds this port, or abandons its opening. Throws SwitchError ENXIO if
   * there is no such attachment.
   */
  async detach(which: number | string): Promise<void> {
    const entry = [...this.#entries.values()].find(({ id, reservations }) =>
      typeof which === 'number' ? [...reservations].some(({ port }) => port === which) : id === which,
    );
    if (!entry)
      throw new SwitchError(
        'ENXIO',
        typeof which === 'number'
          ? `nothing is attached to port ${which} by a spec`
          : `nothing has the id '${which}', and no port has that name`,
      );
    entry.closing.abort();
    await this.#opening.get(entry)?.catch(() => {});
    await this.#remove(entry);
  }

  /** Closes all attachments, and abandons those that are being opened. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { closing } of this.#entries.values()) closing.abort();
    await Promise.allSettled([...this.#opening.values()]);
    await Promise.all([...this.#entries.values()].map((entry) => this.#remove(entry)));
  }

  #enter(request: PortRequest): Entry {
    if (this.#closed) throw new SwitchError('ENODEV', 'the switch is closed');
    const id = request.values.id ?? this.#freeId(request.kind.name);
    if (this.#entries.has(id)) throw new SwitchError('EEXIST', `an attachment has the id '${id}' already`);
    const closing = new AbortController();
    const log = new LineLimit(
      (message, level, fields) => this.#environment.log(`${id}: ${message}`, level, { attachment: id, ...fields }),
      (count) => `${count} more lines meanwhile`,
    );
    const entry: Entry = { id, request, reservations: new Set(), backend: undefined, closing, log };
    this.#entries.set(id, entry);
    return entry;
  }

  async #open(entry: Entry): Promise<Attachment> {
    const { kind, values } = entry.request;
    const { signal } = entry.closing;
    const forgetVlan = values.vlan === undefined ? undefined : this.#reservations.ensureVlan(values.vlan);
    let ended = false;
    const end = () => {
      ended = true;
      if (entry.backend) void this.#remove(entry);
    };
    const abandoned = () => new SwitchError('ENODEV', `${entry.id} was detached before it was open`);
    try {
      entry.backend = await kind.open(values, this.#host(entry, end));
      if (signal.aborted) throw abandoned();
    } catch (error) {
      await entry.backend?.close();
      for (const reservation of [...entry.reservations]) reservation.cancel();
      this.#forget(entry);
      forgetVlan?.();
      throw signal.aborted ? abandoned() : error;
    }
    const attachment = describe(entry, entry.backend);
    this.#environment.tell({ type: 'attachment-opened', attachment: entry.id, kind: kind.name });
    if (ended) await this.#remove(entry);
    return attachment;
  }

  async #remove(entry: Entry): Promise<void> {
    if (this.#entries.get(entry.id) !== entry) return;
    entry.closing.abort();
    await entry.backend?.close();
    if (this.#forget(entry) && entry.backend)
      this.#environment.tell({ type: 'attachment-closed', attachment: entry.id, kind: entry.request.kind.name });
  }

  /** Releases the attachment's ports and forgets it. Returns true, or false if it was forgotten already. */
  #forget(entry: Entry): boolean {
    for (const reservation of [...entry.reservations]) reservation.release();
    entry.log.end();
    return this.#entries.get(entry.id) === entry && this.#entries.delete(entry.id);
  }

  #host(entry: Entry, end: () => void): Host {
    const { id, closing, request, log } = entry;
    return {
      id,
      directory: this.#environment.directory(),
      signal: closing.signal,
      whereabouts: this.#environment.whereabouts,
      log: (message: string, level?: LogLevel, fields?: LogFields) => log.say(message, level, fields),
      reconnecting: (reason) =>
        this.#environment.tell({ type: 'attachment-reconnecting', attachment: id, kind: request.kind.name, reason }),
      reserve: ({ atMost = 1 } = {}) => this.#reserve(entry, atMost),
      end,
    };
  }

  #reserve(entry: Entry, atMost: number): Reservation {
    const { id, request, reservations } = entry;
    if (this.#entries.get(id) !== entry) throw new SwitchError('ENODEV', `${id} is detached`);
    const { switchport, name, vlan } = request.values;
    const reservation = this.#reservations.forAttachment({
      id,
      kind: request.kind.name,
      range: switchport === undefined ? undefined : { first: switchport, atMost },
      name,
      vlan,
      released: () => reservations.delete(reservation),
    });
    reservations.add(reservation);
    return reservation;
  }

  #freeId(kind: string): string {
    for (let i = 0; ; i++) if (!this.#entries.has(`${kind}${i}`)) return `${kind}${i}`;
  }
}

function describe({ id, request, reservations }: Entry, backend: Backend): Attachment {
  return {
    id,
    kind: request.kind.name,
    spec: request.spec,
    ports: [...reservations].map(({ port }) => port).sort((a, b) => a - b),
    addresses: backend.addresses?.() ?? [],
    stats: backend.stats?.() ?? {},
    backend,
  };
}
