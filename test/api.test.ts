// The API reference is what the library declares: every export is documented, and every type that a signature names is
// exported.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
// @ts-expect-error: a script, which has no types
import { describeApi, reference } from '../scripts/api.mjs';

test('every export and its members are documented, no type is forgotten, and docs/api.md is up to date', () => {
  const { text, problems } = describeApi() as { text: string; problems: string[] };
  expect(problems).toEqual([]);
  const hint = 'the library has changed: run `npm run build:ts && npm run api` and commit docs/api.md';
  expect(readFileSync(reference, 'utf8'), hint).toBe(text);
}, 60_000);

test('nothing internal is in it', () => {
  const text = readFileSync(reference, 'utf8');
  expect(text).not.toMatch(/@internal|#?private|Native|PrepareOther|Backend\b|\bdeliver\(|bindWith/);
});
