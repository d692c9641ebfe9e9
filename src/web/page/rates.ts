// Rates in words.
import { short } from '../../protocol/units.ts';

/** Returns a rate such as `820 bit/s` or `1.24 Mbit/s`. */
export function bitRate(bitsPerSecond: number): string {
  return `${short(Math.round(bitsPerSecond)).replace(/[a-z]?$/i, ' $&')}bit/s`;
}
