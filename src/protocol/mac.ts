// MAC addresses as text: six bytes in hexadecimal.
import { SwitchError } from './errors.ts';

/** Returns `02:00:00:00:00:0a` for `2:0:0:0:0:a` or `2.0.0.0.0.a`. Throws SwitchError EINVAL for anything else. */
export function parseMac(text: string): string {
  const bytes = text.split(/[:.]/);
  if (bytes.length !== 6 || !bytes.every((byte) => /^[0-9a-f]{1,2}$/i.test(byte))) {
    throw new SwitchError('EINVAL', `Invalid MAC Addr ${text}: give six bytes in hex, like 00:ff:11:22:33:44`);
  }
  return bytes.map((byte) => byte.toLowerCase().padStart(2, '0')).join(':');
}
