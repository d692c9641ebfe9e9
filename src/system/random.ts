// Random bytes from the kernel. Loading node:crypto for them took 13 of the 90 ms of CPU time until tsvde was ready.
import { closeSync, openSync, readSync } from 'node:fs';

export function randomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  const file = openSync('/dev/urandom', 'r');
  try {
    readSync(file, bytes); // up to 256 bytes are always read whole (random(4))
  } finally {
    closeSync(file);
  }
  return bytes;
}

/** Returns a MAC address that starts with `prefix` and is random after it. */
export function randomMac(prefix: string): string {
  const random = [...randomBytes(6 - prefix.split(':').length)];
  return [prefix, ...random.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
