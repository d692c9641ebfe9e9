// Makes text from clients safe to display.

/**
 * Control characters, which could end a line, end a reply or control a terminal, and the characters that end a line
 * (Unicode's Zl and Zp) or reorder the text around them (UAX 9's formatting characters), and so could disguise the
 * text.
 */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Writes unsafe characters as \xNN or \uNNNN. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (char) => {
    const hex = char.charCodeAt(0).toString(16);
    return hex.length > 2 ? `\\u${hex.padStart(4, '0')}` : `\\x${hex.padStart(2, '0')}`;
  });
}

/** Returns a value as one line of JSON, with unsafe characters escaped so that a terminal does not interpret them. */
export function printableJson(value: unknown): string {
  const text = JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? Number(item) : item));
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
