// The size of a guest's memory, as QEMU computes it from -m, -machine memory.size= and files of -readconfig.
import { SwitchError } from '../protocol/errors.ts';
import type { LineOption } from './line-options.ts';
import { setting } from './net-option.ts';

const SIZE = /^(0x[0-9a-f]+|\d+(?:\.\d+)?)([bkmgtpe]?)$/i;
const UNITS = 'bkmgtpe';
/** The default of most machines. On machines with another default, the size of the memory backend overrides it. */
const DEFAULT_BYTES = 128 * 1024 ** 2;
const GRANULE = 8192; // QEMU rounds up to a multiple of 8 KiB

/** Returns the size in bytes, and whether the command line names it. Throws SwitchError EINVAL. */
export function memorySize(options: readonly LineOption[]): { bytes: number; given: boolean } {
  // -m wins over memory.size= wherever it stands; of several -m, the last with a size counts.
  const named =
    lastSize(options, 'm', 'size', (text) => parseSize(text, /\d$/.test(text) ? 'm' : 'b')) ??
    lastSize(options, 'machine', 'memory.size', (text) => parseSize(text, 'b'));
  const bytes = named || DEFAULT_BYTES; // a size of 0 stands for the default
  return { bytes: Math.ceil(bytes / GRANULE) * GRANULE, given: named !== undefined };
}

function lastSize(
  options: readonly LineOption[],
  name: string,
  key: string,
  parse: (text: string) => number,
): number | undefined {
  const sizes = options.flatMap((option) => (option.name === name ? (setting(option.settings, key) ?? []) : []));
  return sizes.length === 0 ? undefined : parse(sizes.at(-1)!);
}

function parseSize(text: string, defaultUnit: string): number {
  const [, number, unit] = SIZE.exec(text) ?? [];
  if (number === undefined) throw new SwitchError('EINVAL', `'${text}' is not a size of memory`);
  return Math.floor(Number(number) * 1024 ** UNITS.indexOf((unit || defaultUnit).toLowerCase()));
}
