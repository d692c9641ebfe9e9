// Which port numbers are free, and who may take them. Data and rules only: no descriptor, no engine.
// A port is a place that lasts: when its last endpoint leaves it is inactive and keeps its settings and its counters.
import { findGroup, findUser, isMember } from './accounts.ts';
import { SwitchError } from './protocol/errors.ts';

export const MAX_PORTS = 65535;

export interface EndpointInfo {
  /** Unique in the switch while it is there; the lowest free one. */
  id: number;
  backend: 'vde' | 'tap';
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
  claim(wanted: WantedPort, user: number | undefined): { number: number; created: boolean } {
    const number = wanted.kind === 'any' ? this.#lowestFree() : wanted.number;
    if (number !== 0) this.#checkNumber(number);
    const port = this.#ports.get(number);
    if (!port) {
      this.#add(number, true);
      return { number, created: true };
    }
    if (port.endpoints.length === 0) this.#checkAccess(port, user);
    else if (port.currentUser !== user) throw new SwitchError('EADDRINUSE', `port ${number} is in use by another user`);
    return { number, created: false };
  }

  nextEndpointId(): number {
    for (let id = 1; ; id++) if (!this.#endpointIds.has(id)) return id;
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
      if (!port || (port.allocatable && port.endpoints.length === 0)) return number;
    }
    throw new SwitchError('ENOSPC', `all ${this.#limit} ports are in use: start with a larger --numports`);
  }

  #checkNumber(number: number): void {
    if (Number.isInteger(number) && number >= 1 && number <= this.#limit) return;
    throw new SwitchError('EINVAL', `port ${number} is not one of 1 to ${this.#limit}`);
  }

  #checkAccess(port: Port, user: number | undefined): void {
    if (port.user === undefined && port.group === undefined) return;
    if (user === 0 || (user !== undefined && user === port.user)) return;
    if (user !== undefined && port.group !== undefined && isMember(user, port.group)) return;
    throw new SwitchError('EACCES', `port ${port.number} is reserved for another user or group`);
  }
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
