// A switch that is obviously right and slow: what the engine is held against. It is told the time, in whole seconds.
import { padded } from './network.ts';

export interface Delivery {
  port: number;
  frame: Buffer;
}

const MIN_PERSISTENCE = 3;
const EXPIRE = 100;

export class ReferenceSwitch {
  hub = false;
  readonly #ports = new Set<number>();
  readonly #seen = new Map<string, { port: number; at: number }>();

  attach(port: number): void {
    this.#ports.add(port);
  }

  detach(port: number): void {
    this.#ports.delete(port);
    for (const [mac, { port: home }] of this.#seen) if (home === port) this.#seen.delete(mac);
  }

  /** Who gets a frame that comes from a port, and what they get. */
  send(from: number, sent: Buffer, now: number): Delivery[] {
    if (sent.length < 14 || sent.length > 65535) return [];
    const frame = padded(sent);
    return this.#destinations(from, frame, now).map((port) => ({ port, frame }));
  }

  #destinations(from: number, frame: Buffer, now: number): number[] {
    const others = [...this.#ports].filter((port) => port !== from).sort((a, b) => a - b);
    if (this.hub) return others.filter((port) => port !== 0);
    this.#learn(from, frame.toString('hex', 6, 12), now);
    const home = (frame[0]! & 1) === 0 ? this.#seen.get(frame.toString('hex', 0, 6)) : undefined;
    if (!home) return others;
    return home.port === from ? [] : [home.port];
  }

  #learn(from: number, mac: string, now: number): void {
    for (const [known, { at }] of this.#seen) if (at + EXPIRE < now) this.#seen.delete(known);
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1) return;
    const home = this.#seen.get(mac);
    if (home && home.port !== from && now - home.at <= MIN_PERSISTENCE) return;
    this.#seen.set(mac, { port: from, at: now });
  }
}
