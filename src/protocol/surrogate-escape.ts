// Converts command-line arguments to text and back without losing a byte, like Python's surrogateescape: in an argument
// that is not UTF-8, bytes from 0x80 up become lone surrogates, U+DC80 to U+DCFF, which valid text never contains.
import { isUtf8 } from 'node:buffer';

const ESCAPED = /([\udc80-\udcff])/u;

export function decodeWord(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  return bytes.toString('latin1').replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
}

export function encodeWord(word: string): Buffer {
  const parts = word.split(ESCAPED);
  return Buffer.concat(
    parts.map((part) => (ESCAPED.test(part) ? Buffer.of(part.charCodeAt(0) - 0xdc00) : Buffer.from(part))),
  );
}
