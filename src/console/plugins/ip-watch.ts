// Inspects the source of every received frame, and logs each address in iplog's ranges when it appears or moves. While
// there are no ranges nothing is captured, and while there are no addresses no timer runs.

import { SwitchError } from '../../protocol/errors.ts';
import type { SwitchEvent } from '../../switch/events.ts';
import { userName } from '../../system/accounts.ts';
import type { ConsoleContext } from '../command.ts';
import { printable } from '../reply.ts';
import { contains, familyOf, formatAddress, type IpRange } from './ip-address.ts';
import { IpLog } from './ip-log.ts';
import { ipSource } from './ip-source.ts';
import { IpTable, type Sighting } from './ip-table.ts';

export const NEW_ADDRESS = 'iplog/newip';
export const NOBODY = '(none)';
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface SightingInWords {
  family: string;
  address: string;
  mac: string;
  vlan: number;
  port: number;
  /** The name of the port's current user. */
  user: string | undefined;
}

export class IpWatch {
  readonly log: IpLog;
  readonly #context: ConsoleContext;
  readonly #table = new IpTable();
  #ranges: IpRange[] = [];
  #gcIntervalSeconds = 10;
  expireSeconds = 360;
  #stop: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #onEvent = (event: SwitchEvent) => {
    if (event.type === 'port-inactive') this.#table.forgetPort(event.port);
  };

  constructor(context: ConsoleContext) {
    this.#context = context;
    this.log = new IpLog(context.log);
    context.switch.on('event', this.#onEvent);
  }

  /** The ranges in the order in which they were added. */
  get ranges(): readonly IpRange[] {
    return this.#ranges;
  }

  get gcIntervalSeconds(): number {
    return this.#gcIntervalSeconds;
  }

  /** Seconds between two searches for addresses that have aged out; with 0 or less, none age out. */
  set gcIntervalSeconds(seconds: number) {
    this.#gcIntervalSeconds = seconds;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#scheduleAgeing();
  }

  /** Adds a range. Throws EEXIST if it is there already. */
  addRange(range: IpRange): void {
    if (this.#ranges.some((other) => isSame(range, other)))
      throw new SwitchError('EEXIST', 'the range is already logged');
    this.#ranges.push(range);
    this.#stop ??= this.#context.switch.capture.start(({ direction, port, bytes }) => {
      if (direction === 'received') this.#inspect(port, bytes);
    });
  }

  /** Removes a range. Throws ENOENT if there is no such range. */
  removeRange(range: IpRange): void {
    const rest = this.#ranges.filter((other) => !isSame(range, other));
    if (rest.length === this.#ranges.length) throw new SwitchError('ENOENT', 'the range is not logged');
    this.#ranges = rest;
    if (rest.length === 0) this.#stopCapture();
  }

  sightings(): Sighting[] {
    return this.#table.list();
  }

  userOf({ port }: Sighting): number | undefined {
    return this.#context.switch.ports.get(port)?.currentUser;
  }

  describe(sighting: Sighting): SightingInWords {
    const { address, mac, vlan, port } = sighting;
    const user = this.userOf(sighting);
    return {
      family: familyOf(address),
      address: formatAddress(address),
      mac,
      vlan,
      port,
      user: user === undefined ? undefined : userName(user),
    };
  }

  close(): void {
    this.#stopCapture();
    clearTimeout(this.#timer);
    this.#context.switch.off('event', this.#onEvent);
    this.log.close();
  }

  #stopCapture(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #inspect(port: number, frame: Buffer): void {
    const source = ipSource(frame);
    if (!source || !this.#ranges.some((range) => contains(range, source.address))) return;
    const sighting = { ...source, port };
    if (!this.#table.has(sighting) && !this.#report(sighting)) return;
    this.#table.note(sighting, now());
    this.#scheduleAgeing();
  }

  /**
   * Logs a sighting and returns true. If the port was closed before its frame was inspected, the port's user is
   * unknown: then logs nothing and returns false.
   */
  #report(sighting: Sighting): boolean {
    const { endpoints = [] } = this.#context.switch.ports.get(sighting.port) ?? {};
    if (endpoints.length === 0) return false;
    const { family, address, mac, port, vlan, user = NOBODY } = this.describe(sighting);
    const descriptions = endpoints.map(({ description }) => `"${printable(description)}"`);
    const line = `${family} ${address} mac=${mac} port=${port} vlan=${vlan} user=${user} ${descriptions.join(' ')}`;
    this.log.write(line);
    this.#context.subscriptions.publish(NEW_ADDRESS, line);
    return true;
  }

  /** Schedules the next removal of old addresses, unless one is scheduled or there are no addresses. */
  #scheduleAgeing(): void {
    if (this.#timer || this.#table.size === 0 || this.#gcIntervalSeconds <= 0) return;
    const milliseconds = Math.min(this.#gcIntervalSeconds * 1000, TIMER_MAX_MS);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#table.forgetBefore(now() - this.expireSeconds);
      this.#scheduleAgeing();
    }, milliseconds).unref();
  }
}

function isSame(a: IpRange, b: IpRange): boolean {
  return a.first === b.first && a.free === b.free;
}

/** Returns monotonic time in seconds. */
function now(): number {
  return performance.now() / 1000;
}
