// Formats numbers in console lines. The widths are vde_switch's, since programs parse lines by column.

/** Returns the number padded with leading zeroes. */
export function pad(number: number, width = 4): string {
  return String(number).padStart(width, '0');
}

/** Returns a mode or tag in octal, with at least three digits. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}
