// The ports of a switch, for its administrator.
import { SwitchError } from '../protocol/errors.ts';
import type { PortInfo, PortTable } from './port-table.ts';
import type { PortReservations } from './reservations.ts';

/** The ports of a switch, numbered 1 to `limit`. Port 0 also exists, but only clients that ask for it get it. */
export class Ports {
  readonly #table: PortTable;
  readonly #reservations: PortReservations;

  /** @internal */
  constructor(table: PortTable, reservations: PortReservations) {
    this.#table = table;
    this.#reservations = reservations;
  }

  /**
   * The highest port number. Setting it throws SwitchError EINVAL outside 1 to 65535, and EADDRINUSE while a higher
   * port exists.
   */
  get limit(): number {
    return this.#table.limit;
  }

  set limit(limit: number) {
    this.#table.limit = limit;
  }

  /** Returns the port, or undefined if it does not exist. */
  get(number: number): PortInfo | undefined {
    return this.#table.get(number);
  }

  /** Returns all existing ports, in order of number. */
  list(): PortInfo[] {
    return this.#table.list();
  }

  /** Throws SwitchError EINVAL for a number that no port can have. @internal */
  check(number: number): void {
    this.#table.check(number);
  }

  /** Creates a port that is given only to clients that ask for its number. Throws SwitchError EINVAL, EEXIST. */
  create(number: number): void {
    this.#table.create(number);
  }

  /** Creates the port with the lowest free number, as create() does. Returns its number. Throws SwitchError ENOSPC. */
  createAuto(): number {
    return this.#table.createAuto();
  }

  /**
   * Removes an inactive port. Throws SwitchError EINVAL, ENXIO, or EADDRINUSE while it is active or reserved for an
   * attachment.
   */
  remove(number: number): void {
    this.#reservations.removePort(number);
  }

  /** Sets whether clients that ask for any port may be given this one. Throws SwitchError EINVAL, ENXIO. */
  setAllocatable(number: number, allocatable: boolean): void {
    this.#table.setAllocatable(number, allocatable);
  }

  /**
   * Reserves the port for a user, given as a login name or a uid; NONE or ANY ends the reservation. Throws SwitchError
   * EINVAL, ENXIO.
   */
  setUser(number: number, user: string): void {
    this.#table.setUser(number, user);
  }

  /**
   * Reserves the port for a group, given as a name or a gid; NONE or ANY ends the reservation. Throws SwitchError
   * EINVAL, ENXIO.
   */
  setGroup(number: number, group: string): void {
    this.#table.setGroup(number, group);
  }

  /**
   * Ends one endpoint of the port; if it is a client's, its control connection is closed. Throws SwitchError EINVAL,
   * ENXIO.
   */
  closeEndpoint(number: number, endpoint: number): void {
    this.check(number);
    const found = this.get(number)?.endpoints.some(({ id }) => id === endpoint);
    if (!found) throw new SwitchError('ENXIO', `port ${number} has no endpoint ${endpoint}`);
    this.#reservations.end(endpoint, 'the console closed it');
  }
}
