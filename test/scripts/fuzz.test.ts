// The command line of `npm run fuzz`. The targets themselves run in the engine's tests, on the inputs kept in git.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../support/process.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/fuzz.mjs', import.meta.url));
const CORPUS = fileURLToPath(new URL('../../native/fuzz/corpus', import.meta.url));

const fuzz = (...args: string[]) => run(process.execPath, [SCRIPT, ...args]);

test('names the targets if there is none of that name', async () => {
  const { code, stderr } = await fuzz('spitch', '1');
  expect(code).toBe(1);
  expect(stderr).toContain("there is no fuzz target 'spitch': there are ");
  for (const target of readdirSync(CORPUS)) expect(stderr).toContain(target);
});

test.each(['0', '-1', 'ten', '1h', 'NaN', 'Infinity'])('refuses %s as a number of minutes', async (minutes) => {
  const { code, stderr } = await fuzz('--', 'switch', minutes);
  expect(code).toBe(1);
  expect(stderr).toBe(`'${minutes}' is not a number of minutes above 0\n`);
});

test('refuses words that it does not know', async () => {
  expect(await fuzz('switch', '1', '2')).toMatchObject({
    code: 1,
    stderr: "'2' is one word too many: the words are TARGET and MINUTES\n",
  });
  expect((await fuzz('--minutes=1')).stderr).toContain("Unknown option '--minutes'");
});
