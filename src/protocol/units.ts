// Numbers for people: three digits and an SI prefix.

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/**
 * Returns a short form of a number: `0`, `820`, `12.4k` or `1.24M`. A number below 10 that is not whole keeps one
 * decimal.
 */
export function short(number: number): string {
  let value = number;
  let prefix = 0;
  while (value >= 999.5 && prefix < PREFIXES.length - 1) {
    value /= 1000;
    prefix++;
  }
  if (prefix === 0) return value > 0 && value < 10 && !Number.isInteger(value) ? value.toFixed(1) : value.toFixed(0);
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits) + PREFIXES[prefix];
}

/** Returns a rate such as `820 bit/s` or `1.24 Mbit/s`. */
export function bitRate(bitsPerSecond: number): string {
  return `${short(Math.round(bitsPerSecond)).replace(/[a-z]?$/i, ' $&')}bit/s`;
}

/** Returns a duration in its largest suitable unit: `12 s`, `3 min` or `2 h`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}
