// Reserves ports for attachments and clients. Only this file attaches endpoints to the engine and detaches them,
// updates the port table and the spanning trees accordingly, and emits the events.
import { SwitchError } from '../protocol/errors.ts';
import type { NativeEngine } from '../system/engine.ts';
import type { AttachmentRequest, NewEndpoint, Reservation, Reservations, WantedPort } from '../system/reservation.ts';
import type { SwitchEvent } from './events.ts';
import type { EndpointInfo, PortInfo, PortTable } from './port-table.ts';
import type { Vlans } from './vlans.ts';

/** The parts of the switch that reservations use. */
export interface ReservationParts {
  engine: NativeEngine;
  table: PortTable;
  vlans: Vlans;
  /** The most frames that wait for one slow endpoint. */
  queueFrames: number;
  /** Called after the endpoints of a port have changed. */
  portChanged(number: number, port: PortInfo | undefined): void;
  tell(event: SwitchEvent): void;
}

export class PortReservations implements Reservations {
  readonly #parts: ReservationParts;
  /** For each endpoint, by its ID, the function that ends it for a given reason. */
  readonly #enders = new Map<number, (why: string) => void>();

  constructor(parts: ReservationParts) {
    this.#parts = parts;
  }

  forAttachment({ id, kind, range, name, vlan, released }: AttachmentRequest): Reservation {
    const { table, vlans } = this.#parts;
    const { number: port, created } = table.reserve(id, range);
    let restoreVlan = () => {};
    let restoreName = () => {};
    const reservation = this.#reservation(port, created, { kind, attachment: id }, undefined, () => {
      restoreVlan();
      restoreName();
      table.release(port);
      released();
    });
    try {
      if (name !== undefined) restoreName = table.names.lend(port, name);
      if (vlan !== undefined) restoreVlan = vlans.lendUntagged(vlan, port);
    } catch (error) {
      reservation.cancel();
      throw error;
    }
    return reservation;
  }

  forClient(wanted: WantedPort, uid: number, kind = 'vde'): Reservation {
    const { number: port, created } = this.#parts.table.claim(wanted, uid);
    return this.#reservation(port, created, { kind }, uid, () => {});
  }

  nextEndpointId(): number {
    return this.#parts.table.nextEndpointId();
  }

  ensureVlan(vlan: number): () => void {
    return this.#parts.vlans.ensure(vlan);
  }

  /** Ends an endpoint, if it is attached, and passes the reason to its owner. */
  end(endpoint: number, why: string): void {
    this.#enders.get(endpoint)?.(why);
  }

  /** Removes a port from the table and the engine. Throws SwitchError EINVAL, ENXIO, EADDRINUSE. */
  removePort(port: number): void {
    this.#parts.table.remove(port);
    this.#parts.engine.removePort(port);
    this.#parts.tell({ type: 'port-removed', port });
  }

  #reservation(
    port: number,
    created: boolean,
    what: Pick<EndpointInfo, 'kind' | 'attachment'>,
    uid: number | undefined,
    releasePort: () => void,
  ): Reservation {
    let attached: number | undefined;
    let released = false;
    const detach = () => {
      if (attached === undefined) return;
      const endpoint = attached;
      attached = undefined;
      this.#detach(port, endpoint);
    };
    const release = () => {
      if (released) return;
      released = true;
      detach();
      releasePort();
    };
    const attach = ({ id = this.nextEndpointId(), transport, description, ended }: NewEndpoint) => {
      detach();
      const { engine, queueFrames } = this.#parts;
      try {
        engine.attach(port, id, transport, queueFrames);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOMEM') throw error;
        throw new SwitchError('ENOMEM', 'no memory is left for another endpoint');
      }
      attached = id;
      this.#enders.set(id, (why) => {
        ended(why);
        if (attached === id) detach();
      });
      this.#attached(port, { id, ...what, description }, uid);
    };
    const cancel = () => {
      release();
      if (created) this.removePort(port);
    };
    return { port, attach, detach, release, cancel };
  }

  #attached(port: number, endpoint: EndpointInfo, uid: number | undefined): void {
    const { table, portChanged, tell } = this.#parts;
    table.addEndpoint(port, endpoint, uid);
    portChanged(port, table.get(port));
    const { id, ...rest } = endpoint;
    tell({ type: 'endpoint-added', port, endpoint: id, ...rest });
    tell({ type: 'endpoint-described', port, endpoint: id, description: endpoint.description });
  }

  #detach(port: number, endpoint: number): void {
    const { engine, table, portChanged, tell } = this.#parts;
    engine.detach(port, endpoint);
    this.#enders.delete(endpoint);
    const { id, ...rest } = table.removeEndpoint(port, endpoint);
    portChanged(port, table.get(port));
    tell({ type: 'endpoint-removed', port, endpoint: id, ...rest });
    if (!table.get(port)!.active) tell({ type: 'port-inactive', port });
  }
}
