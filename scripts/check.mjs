// npm run check, to be run for each change: build, types, lint, the engine's tests if the engine's code has changed,
// and every test that needs neither root nor other programs, three files at a time. vitest.config.ts and
// test/support/needs.ts say what is left out.
import { formatCxx, lintTypeScript, types } from './lint.mjs';
import { execute, hasProgram, setUp } from './set-up.mjs';
import { runSteps, runTests } from './steps.mjs';

const started = performance.now();
const lint = async () => {
  const results = await Promise.all([types(), lintTypeScript(), ...(hasProgram('clang-format') ? [formatCxx()] : [])]);
  return results.every(Boolean);
};
await runSteps([
  ['install and build', setUp],
  ['types and lint', lint],
  ["the engine's own tests", () => execute(process.execPath, ['scripts/engine-tests.mjs', '--quick'])],
]);
const passed = await runTests(process.argv.slice(2), { TSVDE_CHECK: '1' });
console.log(`checked in ${((performance.now() - started) / 1000).toFixed(1)} s`);
process.exit(passed ? 0 : 1);
