// How numbers stand in the console's lines: programs cut them out by these widths.

/** With leading zeroes. */
export function pad(number: number, width = 4): string {
  return String(number).padStart(width, '0');
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}
