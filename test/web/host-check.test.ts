// Which Host headers the page answers to.
import { expect, test } from 'vitest';
import { isHostAllowed } from '../../src/web/host-check.ts';

test.each([
  'localhost',
  'localhost:8080',
  'LOCALHOST.',
  '127.0.0.1:8080',
  '192.0.2.1',
  '[::1]:8080',
  '[2001:db8::1]',
  'lab.example.org',
  'Lab.Example.Org:80',
])('%s is allowed', (header) => {
  expect(isHostAllowed(header, ['lab.example.org'])).toBe(true);
});

test.each([
  undefined,
  '',
  'evil.example',
  'evil.example:8080',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '127.0.0.1:8080:1',
  'lab.example.org.evil.example',
  '[evil.example]',
  '[::1',
  '0x7f.1',
  'user@localhost',
])('%s is refused', (header) => {
  expect(isHostAllowed(header, ['lab.example.org'])).toBe(false);
});
