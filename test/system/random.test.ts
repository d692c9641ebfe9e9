// Random bytes and addresses.
import { expect, test } from 'vitest';
import { randomBytes, randomMac } from '../../src/system/random.ts';

test('random bytes are as many as asked for, and differ', () => {
  expect(randomBytes(0)).toHaveLength(0);
  const some = Array.from({ length: 100 }, () => randomBytes(8).toString('hex'));
  for (const text of some) expect(text).toHaveLength(16);
  expect(new Set(some).size).toBe(100);
});

test('random addresses have the prefix, are whole and differ', () => {
  const some = Array.from({ length: 100 }, () => randomMac('00:ff'));
  for (const mac of some) expect(mac).toMatch(/^00:ff(:[0-9a-f]{2}){4}$/);
  expect(new Set(some).size).toBe(100);
  expect(randomMac('00:ff:1:2:3')).toMatch(/^00:ff:1:2:3:[0-9a-f]{2}$/);
});
