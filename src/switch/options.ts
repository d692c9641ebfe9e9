// The options of a switch and of its methods, and the check that refuses unknown options.
import { SwitchError } from '../protocol/errors.ts';
import { isName, NAME_RULE } from '../protocol/names.ts';
import { checkOptions } from '../protocol/options.ts';
import type { Tuning } from './tuning.ts';

/** The options of a switch; all have defaults. */
export interface SwitchOptions extends Tuning {
  /**
   * The switch's name in metrics and in tsvdectl's prompt: a letter, then letters, digits and `-._`, at most 64
   * characters. The default is the base name of the control directory.
   */
  name?: string;
  /** Whether every frame is sent to every other port. Default false: the switch learns addresses. */
  hub?: boolean;
  /** The highest port number, 1 to 65535; default 32. */
  numPorts?: number;
  /** The switch's own MAC address, six bytes in hex, separated by colons; default 00:ff and four random bytes. */
  mac?: string;
  /** The number of hash buckets that the console shows; rounded up to a power of two; default 128. */
  hashSize?: number;
  /** The most addresses in the MAC table; default 131072. */
  macLimit?: number;
  /**
   * Whether frames tagged with a VLAN that was never created are dropped, as in vde_switch. Default false: they pass
   * unchanged.
   */
  strictVlan?: boolean;
  /** Whether spanning tree is on at first; has no effect on a hub; default false. */
  fstp?: boolean;
  /** The spanning-tree priority, 0 to 65535. The switch with the lowest priority becomes the root. Default 0x8000. */
  priority?: number;
  /** The most frames that wait for one slow endpoint; default 256. */
  queueFrames?: number;
}

const SWITCH_OPTIONS = {
  name: true,
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
  queueMemory: true,
  cpu: true,
} satisfies Record<keyof SwitchOptions, true>;

/** Options for opening an attachment, besides its spec. */
export interface AttachOptions {
  /** Abandons the opening; has no effect once the attachment is open. */
  signal?: AbortSignal;
}

const ATTACH_OPTIONS = { signal: true } satisfies Record<keyof AttachOptions, true>;

/**
 * Throws SwitchError EINVAL for an invalid name or an unknown option. For an unknown option, the error names the
 * nearest existing option, or lists all options if none is near.
 */
export function checkSwitchOptions(options: SwitchOptions): void {
  checkOptions(options, SWITCH_OPTIONS);
  const { name } = options;
  if (name !== undefined && !isName(name))
    throw new SwitchError('EINVAL', `'${name}' is not a name for a switch: it must be ${NAME_RULE}`);
}

/** Throws SwitchError EINVAL for an option that attach() does not have, worded as by checkSwitchOptions(). */
export function checkAttachOptions(options: AttachOptions): void {
  checkOptions(options, ATTACH_OPTIONS);
}
