// Metrics without their label `switch`, for tests of a single switch.

/** Returns the text of the metrics without the label `switch`. */
export function ofOneSwitch(text: string): string {
  return text.replace(/,?switch="[^"]*"(?=\} \S+( \S+)?$)/gm, '').replace(/\{\}(?= \S+( \S+)?$)/gm, '');
}
