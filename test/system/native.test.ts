// The border between the languages: what the addon refuses.
import { fstatSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Transport } from '../../src/system/engine.ts';
import { native } from '../../src/system/native.ts';
import { atEnd } from '../support/at-end.ts';
import { engine } from '../support/engine.ts';

test('an unknown kind of transport is refused with a sentence that names it, and its descriptor is closed', () => {
  const made = engine();
  made.addPort(1);
  const [fd, other] = native.datagramPair(65536);
  atEnd(() => native.closeDescriptor(other));
  const transport = { kind: 'carrier-pigeon', fd } as unknown as Transport;
  expect(() => made.attach(1, 1, transport, 16)).toThrow(
    new TypeError("there is no transport of kind 'carrier-pigeon'"),
  );
  expect(() => fstatSync(fd)).toThrow('EBADF');
});
