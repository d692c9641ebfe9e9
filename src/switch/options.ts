// The options of a switch and of its calls, and the refusal of those that do not exist.
import { checkOptions } from '../protocol/options.ts';
import type { Tuning } from './tuning.ts';

/** How a switch is made; every option has a default. */
export interface SwitchOptions extends Tuning {
  /** Whether every frame goes to every other port; default false: addresses are learned. */
  hub?: boolean;
  /** The highest port number, 1 to 65535; default 32. */
  numPorts?: number;
  /** The switch's own address, six hex bytes with colons; default 00:ff and four random bytes. */
  mac?: string;
  /** The number of buckets that the console numbers addresses by; rounded up to a power of two; default 128. */
  hashSize?: number;
  /** Addresses that the MAC table may hold; default 131072. */
  macLimit?: number;
  /**
   * Whether frames tagged with a VLAN that was never created are dropped, as vde_switch does; default false: they pass
   * unchanged.
   */
  strictVlan?: boolean;
  /** Whether spanning tree is on at first; without effect on a hub; default false. */
  fstp?: boolean;
  /** The priority in spanning tree, 0 to 65535: the switch with the lowest becomes the root; default 0x8000. */
  priority?: number;
  /** Frames that may wait for one slow endpoint; default 256. */
  queueFrames?: number;
}

const SWITCH_OPTIONS = {
  hub: true,
  numPorts: true,
  mac: true,
  hashSize: true,
  macLimit: true,
  strictVlan: true,
  fstp: true,
  priority: true,
  queueFrames: true,
  pacingMs: true,
  busyPollUs: true,
  cpu: true,
} satisfies Record<keyof SwitchOptions, true>;

/** How an attachment is opened, besides its spec. */
export interface AttachOptions {
  /** Abandons the opening; has no effect once the attachment is open. */
  signal?: AbortSignal;
}

const ATTACH_OPTIONS = { signal: true } satisfies Record<keyof AttachOptions, true>;

/** Throws SwitchError EINVAL, with the nearest name, for an option that a switch does not have. */
export function checkSwitchOptions(options: SwitchOptions): void {
  checkOptions(options, SWITCH_OPTIONS);
}

/** Throws SwitchError EINVAL, with the nearest name, for an option that attach() does not have. */
export function checkAttachOptions(options: AttachOptions): void {
  checkOptions(options, ATTACH_OPTIONS);
}
