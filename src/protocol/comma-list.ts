// Splits QEMU's option lists, such as `tap,ifname=a,,b,vlan=1`. A doubled comma is a comma within a value.

export function splitAtCommas(text: string): string[] {
  const words: string[] = [''];
  for (const piece of text.match(/,,|,|[^,]+/g) ?? []) {
    if (piece === ',') words.push('');
    else words[words.length - 1] += piece === ',,' ? ',' : piece;
  }
  return words;
}

/** Splits at the first `=`. If there is no `=`, the value is undefined. */
export function splitPair(word: string): [key: string, value: string | undefined] {
  const equals = word.indexOf('=');
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}
