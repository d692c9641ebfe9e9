// npm test runs everything: packages, build, types, lint, the engine's own tests, and all other tests.
// npm test -- ARGS passes ARGS to vitest, so that only the selected tests run, and builds what they need: `npm test --
// FILE`, `npm test -- -t NAME`. It installs no Debian packages; suites that need a missing package are skipped and name
// it.

import { formatCxx, lintCxx, lintTypeScript, types } from './lint.mjs';
import { installPackages } from './packages.mjs';
import { execute, hasProgram, install, setUp } from './set-up.mjs';
import { runSteps, runTests, step } from './steps.mjs';

const args = process.argv.slice(2);
if (args.length > 0) {
  install(); // vitest's global set-up builds what is stale
  process.exit((await runTests(args)) ? 0 : 1);
}

await runSteps([
  ['packages', installPackages],
  ['install and build', setUp],
  ['types', types],
  ['lint TypeScript', lintTypeScript],
  ...(hasProgram('clang-format') ? [['format C++', formatCxx]] : []),
  ["the engine's own tests", () => execute(process.execPath, ['scripts/engine-tests.mjs'])],
]);
const lint = hasProgram('clang-tidy') ? lintCxx() : Promise.resolve(true);
const passed = await runTests([]);
await step('lint C++, begun with the tests', () => lint);
process.exit(passed ? 0 : 1);
