// The ports as data: which numbers are free, and which users may use them. There are no descriptors here, and no
// engine. A port outlives its endpoints: a port without endpoints is inactive, and keeps its settings and counters.

import { SwitchError } from '../protocol/errors.ts';
import { nameIn } from '../protocol/names.ts';
import { findGroup, findUser, isMember } from '../system/accounts.ts';
import type { PortRange, WantedPort } from '../system/reservation.ts';
import { EndpointIds } from './endpoint-ids.ts';
import { PortNames } from './port-names.ts';

export const MAX_PORTS = 65535;

/** An endpoint, which moves frames for a port. */
export interface EndpointInfo {
  /**
   * The number that the console shows for the endpoint. It is unique in the switch, and is reused as late as possible.
   */
  id: number;
  /**
   * The kind: `vde` for a client of the control socket, `plug` for a plug of this program, otherwise the attachment's
   * kind.
   */
  kind: string;
  /** The ID of the attachment that the endpoint belongs to; absent for a client or a plug. */
  attachment?: string;
  /**
   * The peer or device. A client's description is the text that it sent, decoded as UTF-8, and may contain anything.
   */
  description: string;
}

/** A port of the switch, with its settings and endpoints. */
export interface PortInfo {
  /** The number of the port. */
  number: number;
  /** The port's name, which was set or else asked for by its client; unique in the switch. Undefined if it has none. */
  name: string | undefined;
  /** The VLAN whose frames are untagged on this port; 4095 if there is none. */
  untaggedVlan: number;
  /** All VLANs of the port, including the untagged one. */
  vlans: ReadonlySet<number>;
  /** Whether at least one endpoint is attached. */
  active: boolean;
  /** Whether a client that asks for any port may be given this one. */
  allocatable: boolean;
  /**
   * The uid of the first endpoint's user; undefined if the port is inactive or if the endpoint, such as a TAP, has no
   * user.
   */
  currentUser: number | undefined;
  /** The uid of the user that the port is reserved for. */
  user: number | undefined;
  /** The gid of the group that the port is reserved for. */
  group: number | undefined;
  /** The ID of the attachment that the port is reserved for, whether or not an endpoint is attached. */
  attachment: string | undefined;
  /** Whether the port is the target of a mirror: the switch sends it copies of frames and nothing else. */
  mirrorTarget: boolean;
  /** The port's endpoints, the newest first. */
  endpoints: EndpointInfo[];
}

type Port = Omit<PortInfo, 'active' | 'name'>;

export class PortTable {
  readonly names: PortNames;
  #limit: number;
  readonly #created: (number: number) => void;
  readonly #create: (number: number) => void;
  readonly #ports = new Map<number, Port>();
  readonly #endpointIds = new EndpointIds();
  #activeCount = 0;

  /**
   * `created` is called for each port that is created, and `named` for each port whose name has changed. `create` is
   * called before, and refuses a port by an exception.
   */
  constructor(
    limit: number,
    created: (number: number) => void,
    named: (number: number, name: string | undefined) => void = () => {},
    create: (number: number) => void = () => {},
  ) {
    this.#limit = checkLimit(limit);
    this.#created = created;
    this.#create = create;
    this.names = new PortNames(named);
  }

  /** The highest usable port number. Port 0 can be used besides, by clients that ask for it. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    const highest = Math.max(...this.#ports.keys());
    if (highest > checkLimit(limit)) throw new SwitchError('EADDRINUSE', `port ${highest} exists: remove it first`);
    this.#limit = limit;
  }

  get(number: number): PortInfo | undefined {
    const port = this.#ports.get(number);
    if (!port) return undefined;
    return {
      ...port,
      name: this.names.of(number),
      active: port.endpoints.length > 0,
      endpoints: [...port.endpoints],
    };
  }

  list(): PortInfo[] {
    return [...this.#ports.keys()].sort((a, b) => a - b).map((number) => this.get(number)!);
  }

  /** How many ports have an endpoint. */
  get activeCount(): number {
    return this.#activeCount;
  }

  hasEndpoint(id: number): boolean {
    return this.#endpointIds.has(id);
  }

  create(number: number): void {
    this.#checkNumber(number);
    if (this.#ports.has(number)) throw new SwitchError('EEXIST', `port ${number} exists already`);
    this.#add(number, false);
  }

  /**
   * Keeps the lowest free port for clients that ask for it by number, and returns that number. The port keeps its
   * other settings.
   */
  createAuto(): number {
    const number = this.#lowestFree();
    if (this.#ports.has(number)) this.setAllocatable(number, false);
    else this.#add(number, false);
    return number;
  }

  remove(number: number): void {
    const port = this.#existing(number);
    if (port.endpoints.length > 0)
      throw new SwitchError('EADDRINUSE', `port ${number} is active: close its endpoints first`);
    if (port.attachment !== undefined)
      throw new SwitchError('EADDRINUSE', `port ${number} is reserved for '${port.attachment}': detach that first`);
    if (port.mirrorTarget)
      throw new SwitchError('EADDRINUSE', `port ${number} is the target of a mirror: remove the mirror first`);
    this.#ports.delete(number);
    this.names.forget(number);
  }

  setMirrorTarget(number: number, mirrorTarget: boolean): void {
    this.#existing(number).mirrorTarget = mirrorTarget;
  }

  setAllocatable(number: number, allocatable: boolean): void {
    this.#existing(number).allocatable = allocatable;
  }

  setUser(number: number, user: string): void {
    const port = this.#existing(number);
    port.user = parseAccount(user, findUser, 'user');
  }

  setGroup(number: number, group: string): void {
    const port = this.#existing(number);
    port.group = parseAccount(group, findGroup, 'group');
  }

  setVlans(number: number, untaggedVlan: number, vlans: ReadonlySet<number>): void {
    Object.assign(this.#existing(number), { untaggedVlan, vlans });
  }

  /**
   * Returns the number of a port, given by its number or its name. Throws SwitchError EINVAL for a number that no port
   * can have and for a name that no port has.
   */
  number(port: number | string): number {
    const number = typeof port === 'number' ? port : this.names.numberOf(port);
    if (number === undefined) throw new SwitchError('EINVAL', `no port has the name '${port}'`);
    this.check(number);
    return number;
  }

  /**
   * Sets or, with undefined, removes the name of a port. Returns the port's new name, with `-1`, `-2` and so on
   * appended if the name was set for another port. Throws SwitchError EINVAL, ENXIO.
   */
  setName(number: number, name: string | undefined): string | undefined {
    this.#existing(number);
    return this.names.set(number, name);
  }

  /** Throws SwitchError EINVAL for a number that no port can have. */
  check(number: number): void {
    if (number !== 0) this.#checkNumber(number);
  }

  /** The table's part of Reservations.forClient. `created` is true if the port did not exist before. */
  claim(wanted: WantedPort, user: number): { number: number; created: boolean } {
    const number = wanted.kind === 'any' ? this.#lowestFree() : wanted.number;
    this.check(number);
    const port = this.#ports.get(number);
    if (!port) {
      this.#add(number, true);
      return { number, created: true };
    }
    if (port.attachment !== undefined)
      throw new SwitchError('EADDRINUSE', `port ${number} is reserved for '${port.attachment}'`);
    if (port.endpoints.length === 0) this.#checkAccess(port, user);
    else if (port.currentUser !== user) throw new SwitchError('EADDRINUSE', `port ${number} is in use by another user`);
    return { number, created: false };
  }

  /**
   * The table's part of Reservations.forAttachment. The port stays reserved until release(). `created` is true if the
   * port did not exist before.
   */
  reserve(attachment: string, range?: PortRange): { number: number; created: boolean } {
    const number = range ? this.#freeWithin(range) : this.#lowestFree();
    const created = !this.#ports.has(number);
    if (created) this.#add(number, true);
    this.#existing(number).attachment = attachment;
    return { number, created };
  }

  release(number: number): void {
    this.#existing(number).attachment = undefined;
  }

  /** Returns an unused endpoint ID. */
  nextEndpointId(): number {
    return this.#endpointIds.next();
  }

  addEndpoint(number: number, endpoint: EndpointInfo, user: number | undefined): void {
    const port = this.#existing(number);
    if (port.endpoints.length === 0) {
      port.currentUser = user;
      this.#activeCount++;
    }
    port.endpoints.unshift(endpoint);
    this.#endpointIds.add(endpoint.id);
    const name = wantedName(endpoint);
    if (name !== undefined) this.names.want(number, name);
  }

  /** Removes an endpoint that the port has, and returns it. */
  removeEndpoint(number: number, id: number): EndpointInfo {
    const port = this.#existing(number);
    const removed = port.endpoints.find((endpoint) => endpoint.id === id)!;
    port.endpoints = port.endpoints.filter((endpoint) => endpoint !== removed);
    if (port.endpoints.length === 0) {
      port.currentUser = undefined;
      this.#activeCount--;
    }
    this.#endpointIds.delete(id);
    const name = wantedName(removed);
    if (name !== undefined) this.names.unwant(number, name);
    return removed;
  }

  #add(number: number, allocatable: boolean): void {
    this.#create(number);
    this.#ports.set(number, {
      number,
      untaggedVlan: 0,
      vlans: new Set([0]),
      allocatable,
      currentUser: undefined,
      user: undefined,
      group: undefined,
      attachment: undefined,
      mirrorTarget: false,
      endpoints: [],
    });
    this.#created(number);
  }

  #existing(number: number): Port {
    this.check(number);
    const port = this.#ports.get(number);
    if (!port) throw new SwitchError('ENXIO', `there is no port ${number}`);
    return port;
  }

  #lowestFree(): number {
    for (let number = 1; number <= this.#limit; number++) {
      const port = this.#ports.get(number);
      if (!port || (port.allocatable && !port.mirrorTarget && isFree(port))) return number;
    }
    throw new SwitchError('ENOSPC', `all ${this.#limit} ports are in use: start with a larger --numports`);
  }

  /**
   * Returns the lowest free port of a range. Ports that are not allocatable, or reserved for a user or group, count as
   * free here: the caller asked for this range.
   */
  #freeWithin({ first: from, atMost }: PortRange): number {
    const first = this.number(from);
    this.#checkNumber(first);
    const last = first + atMost - 1;
    for (let number = first; number <= Math.min(last, this.#limit); number++) {
      const port = this.#ports.get(number);
      if (!port || isFree(port)) return number;
    }
    throw new SwitchError(
      'EADDRINUSE',
      first === last ? `port ${first} is in use` : `ports ${first} to ${last} are in use`,
    );
  }

  #checkNumber(number: number): void {
    if (Number.isInteger(number) && number >= 1 && number <= this.#limit) return;
    throw new SwitchError('EINVAL', `port ${number} is not one of 1 to ${this.#limit}`);
  }

  #checkAccess(port: Port, user: number): void {
    if (port.user === undefined && port.group === undefined) return;
    if (user === 0 || user === port.user) return;
    if (port.group !== undefined && isMember(user, port.group)) return;
    throw new SwitchError('EACCES', `port ${port.number} is reserved for another user or group`);
  }
}

function isFree({ endpoints, attachment }: Port): boolean {
  return endpoints.length === 0 && attachment === undefined;
}

/** Returns the name that a client's endpoint asks for. An attachment's name is in its spec instead. */
function wantedName({ attachment, description }: EndpointInfo): string | undefined {
  return attachment === undefined ? nameIn(description) : undefined;
}

function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PORTS) return limit;
  throw new SwitchError('EINVAL', `the number of ports is ${limit}: it must be from 1 to ${MAX_PORTS}`);
}

function parseAccount(text: string, find: (text: string) => number | undefined, word: string): number | undefined {
  const id = find(text);
  if (id === undefined && text !== 'NONE' && text !== 'ANY')
    throw new SwitchError('EINVAL', `there is no ${word} '${text}'`);
  return id;
}
