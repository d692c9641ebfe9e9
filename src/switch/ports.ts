// The ports of a switch, for its administrator.
import { SwitchError } from '../protocol/errors.ts';
import type { PortInfo, PortTable } from './port-table.ts';
import type { PortReservations } from './reservations.ts';

/**
 * The ports of a switch, numbered 1 to `limit`. Port 0 also exists, but only clients that ask for it get it. Methods
 * that take the number of an existing port also take its name.
 */
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

  /** Returns the port of this number or name, or undefined if it does not exist. */
  get(port: number | string): PortInfo | undefined {
    const number = typeof port === 'number' ? port : this.#table.names.numberOf(port);
    return number === undefined ? undefined : this.#table.get(number);
  }

  /** Returns all existing ports, in order of number. */
  list(): PortInfo[] {
    return this.#table.list();
  }

  /** How many ports have an endpoint. @internal */
  get activeCount(): number {
    return this.#table.activeCount;
  }

  /** Throws SwitchError EINVAL for a number that no port can have. @internal */
  check(number: number): void {
    this.#table.check(number);
  }

  /**
   * Returns the number of a port, given by its number or its name. Throws SwitchError EINVAL for a number that no port
   * can have and for a name that no port has. @internal
   */
  number(port: number | string): number {
    return this.#table.number(port);
  }

  /**
   * Creates a port that clients and attachments get only if they ask for this port. Throws SwitchError EINVAL, EEXIST.
   */
  create(number: number): void {
    this.#table.create(number);
  }

  /**
   * Keeps the lowest free port for clients and attachments that ask for it by number, and creates the port if
   * needed. Returns the port's number. Throws SwitchError ENOSPC.
   */
  createAuto(): number {
    return this.#table.createAuto();
  }

  /**
   * Removes an inactive port. Throws SwitchError EINVAL, ENXIO, or EADDRINUSE while it is active or reserved for an
   * attachment.
   */
  remove(port: number | string): void {
    this.#reservations.removePort(this.number(port));
  }

  /**
   * Sets the name of a port: a letter, then letters, digits and `-._`, at most 64 characters. If the name was set for
   * another port, `-1`, `-2` and so on is appended. Without a name, removes the name that was set; the port then has
   * the name that its client asks for, if any. Returns the port's name. Throws SwitchError EINVAL, ENXIO.
   */
  setName(port: number | string, name?: string): string | undefined {
    return this.#table.setName(this.number(port), name);
  }

  /** Sets whether clients that ask for any port may be given this one. Throws SwitchError EINVAL, ENXIO. */
  setAllocatable(port: number | string, allocatable: boolean): void {
    this.#table.setAllocatable(this.number(port), allocatable);
  }

  /**
   * Restricts the port to a user, given as a login name or a uid; NONE or ANY ends the restriction. Throws SwitchError
   * EINVAL, ENXIO.
   */
  setUser(port: number | string, user: string): void {
    this.#table.setUser(this.number(port), user);
  }

  /**
   * Restricts the port to a group, given as a name or a gid; NONE or ANY ends the restriction. Throws SwitchError
   * EINVAL, ENXIO.
   */
  setGroup(port: number | string, group: string): void {
    this.#table.setGroup(this.number(port), group);
  }

  /**
   * Ends one endpoint of the port; if it is a client's, its control connection is closed. Throws SwitchError EINVAL,
   * ENXIO.
   */
  closeEndpoint(port: number | string, endpoint: number): void {
    const number = this.number(port);
    const found = this.get(number)?.endpoints.some(({ id }) => id === endpoint);
    if (!found) throw new SwitchError('ENXIO', `port ${number} has no endpoint ${endpoint}`);
    this.#reservations.end(endpoint, 'the console closed it');
  }
}
