// A simple and slow switch, which the engine is compared with. The time is an argument, in whole seconds.
import { padded } from './network.ts';

export interface Delivery {
  port: number;
  frame: Buffer;
}

interface Port {
  active: boolean;
  untaggedVlan: number;
  vlans: Set<number>;
}

const MOST_MOVES = 4;
const EXPIRE = 100;
const NO_VLAN = 4095;
const TPID = 0x8100;

interface Home {
  port: number;
  vlan: number;
  at: number;
  /** The times of the address's moves, in seconds, from the first move of the current window on. */
  moved: number[];
}

export class ReferenceSwitch {
  hub = false;
  strictVlan = false;
  /** In this many seconds from its first move on, an address moves at most MOST_MOVES times. */
  minPersistence = 3;
  readonly #ports = new Map<number, Port>();
  readonly #created = new Set([0]);
  readonly #seen = new Map<string, Home>();

  attach(number: number): void {
    const port = this.#ports.get(number);
    if (port) port.active = true;
    else this.#ports.set(number, { active: true, untaggedVlan: 0, vlans: new Set([0]) });
  }

  detach(number: number): void {
    this.#ports.get(number)!.active = false;
    this.#forget(({ port }) => port === number);
  }

  createVlan(vlan: number): void {
    this.#created.add(vlan);
  }

  setUntaggedVlan(number: number, vlan: number): void {
    const port = this.#ports.get(number)!;
    if (vlan === port.untaggedVlan) return;
    this.#removeMember(number, port.untaggedVlan);
    if (vlan !== NO_VLAN) port.vlans.add(vlan);
    port.untaggedVlan = vlan;
  }

  addPort(vlan: number, number: number): void {
    this.#ports.get(number)!.vlans.add(vlan);
  }

  removePort(vlan: number, number: number): void {
    this.#removeMember(number, vlan);
  }

  /** Returns the ports that receive a frame from a port, and the frame as each receives it. */
  send(from: number, sent: Buffer, now: number): Delivery[] {
    if (sent.length < 14 || sent.length > 65535) return [];
    const frame = padded(sent);
    if (this.hub) return this.#others(from, (_, number) => number !== 0).map((port) => ({ port, frame }));
    const { untaggedVlan, vlans } = this.#ports.get(from)!;
    const id = frame.readUInt16BE(14) & 0xfff;
    const tagged = frame.readUInt16BE(12) === TPID && (this.strictVlan || this.#created.has(id));
    const vlan = tagged ? id : untaggedVlan;
    if (!vlans.has(vlan)) return [];
    const untaggedView = tagged ? padded(Buffer.concat([frame.subarray(0, 12), frame.subarray(16)])) : frame;
    const tag = Buffer.from([TPID >> 8, TPID & 0xff, vlan >> 8, vlan & 0xff]);
    const taggedView = tagged ? frame : Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
    return this.#destinations(from, frame, vlan, now).map((port) => ({
      port,
      frame: this.#ports.get(port)!.untaggedVlan === vlan ? untaggedView : taggedView,
    }));
  }

  #destinations(from: number, frame: Buffer, vlan: number, now: number): number[] {
    this.#learn(from, frame.toString('hex', 6, 12), vlan, now);
    const home = (frame[0]! & 1) === 0 ? this.#seen.get(`${vlan}/${frame.toString('hex', 0, 6)}`) : undefined;
    if (!home) return this.#others(from, ({ vlans }) => vlans.has(vlan));
    return home.port === from ? [] : [home.port];
  }

  #others(from: number, wanted: (port: Port, number: number) => boolean): number[] {
    return [...this.#ports]
      .filter(([number, port]) => number !== from && port.active && wanted(port, number))
      .map(([number]) => number)
      .sort((a, b) => a - b);
  }

  #learn(from: number, mac: string, vlan: number, now: number): void {
    this.#forget(({ at }) => at + EXPIRE < now);
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1) return;
    const home = this.#seen.get(`${vlan}/${mac}`);
    let moved = home?.moved ?? [];
    if (home && home.port !== from) {
      if (moved.length > 0 && now >= moved[0]! + this.minPersistence) moved = [];
      if (moved.length === MOST_MOVES) return;
      moved = [...moved, now];
    }
    this.#seen.set(`${vlan}/${mac}`, { port: from, vlan, at: now, moved });
  }

  #removeMember(number: number, vlan: number): void {
    this.#ports.get(number)!.vlans.delete(vlan);
    this.#forget((home) => home.port === number && home.vlan === vlan);
  }

  #forget(which: (home: Home) => boolean): void {
    for (const [key, home] of this.#seen) if (which(home)) this.#seen.delete(key);
  }
}
