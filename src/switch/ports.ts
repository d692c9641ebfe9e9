// Which port numbers are free, and who may take them. Data and rules only: no descriptor, no engine.
// A port is a place that lasts: when its last endpoint leaves it is inactive and keeps its settings and its counters.

import type { PortRange } from '../backends/kind.ts';
import { SwitchError } from '../protocol/errors.ts';
import { findGroup, findUser, isMember } from '../system/accounts.ts';

export const MAX_PORTS = 65535;
/** Four digits, for which a control directory's name leaves room. */
const ENDPOINT_IDS = 9999;

export interface EndpointInfo {
  /** Unique in the switch while it is there, and not soon given again. */
  id: number;
  /** `vde` for a client of the control socket, else the kind of its spec. */
  backend: string;
  /** The id of what was attached by a spec. */
  spec?: string;
  /** As the client gave it: any bytes, decoded as UTF-8. */
  description: string;
}

export interface PortInfo {
  number: number;
  /** 4095: none. */
  untaggedVlan: number;
  /** With the untagged one. */
  vlans: ReadonlySet<number>;
  /** At least one endpoint is attached. */
  active: boolean;
  /** May a client that asks for any port be given this one? */
  allocatable: boolean;
  /** uid of the first endpoint's user; undefined when inactive or when it has none (a TAP). */
  currentUser: number | undefined;
  /** uid and gid that the port is reserved for. */
  user: number | undefined;
  group: number | undefined;
  /** The id of the spec that has the port to itself, with an endpoint or, while it tries to connect, without. */
  holder: string | undefined;
  /** Newest first. */
  endpoints: EndpointInfo[];
}

/** What a client asks for: any free port, or that one. */
export type WantedPort = { kind: 'any' } | { kind: 'number'; number: number };

type Port = Omit<PortInfo, 'active'>;

export class Ports {
  #limit: number;
  readonly #ports = new Map<number, Port>();
  readonly #endpointIds = new Set<number>();
  #lastEndpointId = 0;

  constructor(limit: number) {
    this.#limit = checkLimit(limit);
  }

  /** Usable ports are 1 to this, and port 0 for those that ask for it. */
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
    return port && { ...port, active: port.endpoints.length > 0, endpoints: [...port.endpoints] };
  }

  list(): PortInfo[] {
    return [...this.#ports.keys()].sort((a, b) => a - b).map((number) => this.get(number)!);
  }

  create(number: number): void {
    this.#checkNumber(number);
    if (this.#ports.has(number)) throw new SwitchError('EEXIST', `port ${number} exists already`);
    this.#add(number, false);
  }

  /** One that exists keeps all its settings but that. */
  createAuto(): { number: number; created: boolean } {
    const number = this.#lowestFree();
    const created = !this.#ports.has(number);
    if (created) this.#add(number, false);
    else this.setAllocatable(number, false);
    return { number, created };
  }

  remove(number: number): void {
    const port = this.#existing(number);
    if (port.endpoints.length > 0)
      throw new SwitchError('EADDRINUSE', `port ${number} is active: close its endpoints first`);
    if (port.holder !== undefined)
      throw new SwitchError('EADDRINUSE', `port ${number} is held by '${port.holder}': detach that first`);
    this.#ports.delete(number);
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

  checkNumber(number: number): void {
    if (number !== 0) this.#checkNumber(number);
  }

  /**
   * The port that a user's request gets, created when it does not exist yet. "Any" is the lowest number that is free, or
   * inactive and allocatable. An active port takes further endpoints of the same user. EACCES, EADDRINUSE, EINVAL, ENOSPC.
   */
  claim(wanted: WantedPort, user: number): { number: number; created: boolean } {
    const number = wanted.kind === 'any' ? this.#lowestFree() : wanted.number;
    this.checkNumber(number);
    const port = this.#ports.get(number);
    if (!port) {
      this.#add(number, true);
      return { number, created: true };
    }
    if (port.holder !== undefined) throw new SwitchError('EADDRINUSE', `port ${number} is held by '${port.holder}'`);
    if (port.endpoints.length === 0) this.#checkAccess(port, user);
    else if (port.currentUser !== user) throw new SwitchError('EADDRINUSE', `port ${number} is in use by another user`);
    return { number, created: false };
  }

  /** The lowest port that nobody has, for a spec alone, until release(). EADDRINUSE, EINVAL, ENOSPC. */
  hold(holder: string, range?: PortRange): { number: number; created: boolean } {
    const number = range ? this.#freeWithin(range) : this.#lowestFree();
    const created = !this.#ports.has(number);
    if (created) this.#add(number, true);
    this.#existing(number).holder = holder;
    return { number, created };
  }

  release(number: number): void {
    this.#existing(number).holder = undefined;
  }

  /** In a circle, as pids are: what is still to be told of an endpoint that has gone reaches no other. */
  nextEndpointId(): number {
    const circle = this.#endpointIds.size < ENDPOINT_IDS ? ENDPOINT_IDS : 2 * this.#endpointIds.size;
    do this.#lastEndpointId = (this.#lastEndpointId % circle) + 1;
    while (this.#endpointIds.has(this.#lastEndpointId));
    return this.#lastEndpointId;
  }

  addEndpoint(number: number, endpoint: EndpointInfo, user: number | undefined): void {
    const port = this.#existing(number);
    if (port.endpoints.length === 0) port.currentUser = user;
    port.endpoints.unshift(endpoint);
    this.#endpointIds.add(endpoint.id);
  }

  removeEndpoint(number: number, id: number): void {
    const port = this.#existing(number);
    port.endpoints = port.endpoints.filter((endpoint) => endpoint.id !== id);
    if (port.endpoints.length === 0) port.currentUser = undefined;
    this.#endpointIds.delete(id);
  }

  #add(number: number, allocatable: boolean): void {
    this.#ports.set(number, {
      number,
      untaggedVlan: 0,
      vlans: new Set([0]),
      allocatable,
      currentUser: undefined,
      user: undefined,
      group: undefined,
      holder: undefined,
      endpoints: [],
    });
  }

  #existing(number: number): Port {
    this.checkNumber(number);
    const port = this.#ports.get(number);
    if (!port) throw new SwitchError('ENXIO', `there is no port ${number}`);
    return port;
  }

  #lowestFree(): number {
    for (let number = 1; number <= this.#limit; number++) {
      const port = this.#ports.get(number);
      if (!port || (port.allocatable && isFree(port))) return number;
    }
    throw new SwitchError('ENOSPC', `all ${this.#limit} ports are in use: start with a larger --numports`);
  }

  /** One that is reserved or not allocatable is free too: it was named. */
  #freeWithin({ first, last }: PortRange): number {
    this.#checkNumber(first);
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

function isFree({ endpoints, holder }: Port): boolean {
  return endpoints.length === 0 && holder === undefined;
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
