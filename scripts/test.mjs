// npm test, the whole truth: set-up, types, lint, build, the engine's own tests, every other test.
// Its last line is the count.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './packages.mjs';
import { execute, hasProgram, root, run, setUp } from './set-up.mjs';

async function step(what, action) {
  const started = performance.now();
  console.error(`--- ${what}`);
  await action();
  console.error(`    ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

function sources(...directories) {
  return directories.flatMap((directory) =>
    readdirSync(join(root, directory))
      .filter((name) => /\.(cc|h)$/.test(name))
      .map((name) => join(directory, name)),
  );
}

/** In halves, a core each. */
async function lint() {
  const all = sources(...ENGINE).filter((name) => name.endsWith('.cc'));
  const halves = [0, 1].map((half) => all.filter((_, i) => i % 2 === half));
  const codes = await Promise.all(
    halves.map((half) => run('clang-tidy', ['--quiet', ...half, '--', '-std=c++20', '-Inative'])),
  );
  if (codes.some((code) => code !== 0)) process.exit(1);
}

const ENGINE = ['native/engine', 'native/engine/endpoints', 'native/engine/offload', 'native/slirp'];
const bin = (name) => join(root, 'node_modules/.bin', name);

await step('packages', installPackages);
await step('install and build', setUp);
await step('types', () => execute(bin('tsc'), ['-p', 'test/tsconfig.json', '--noEmit']));
await step('lint TypeScript', () => execute(bin('biome'), ['check', '--error-on-warnings', '.']));
if (hasProgram('clang-format')) {
  await step('format C++', () =>
    execute('clang-format', [
      '--dry-run',
      '-Werror',
      ...sources(...ENGINE, 'native/addon', 'native/test', 'native/bench'),
    ]),
  );
}
if (hasProgram('clang-tidy')) await step('lint C++', lint);
await step("the engine's own tests", () => execute(process.execPath, ['scripts/engine-tests.mjs']));

const reports = mkdtempSync('/tmp/tsvde-report-');
const report = join(reports, 'vitest.json');
// The tests of time and processes want a core of their own: files one after the other.
const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)];
const { status } = spawnSync(bin('vitest'), args, { cwd: root, stdio: 'inherit' });
const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
rmSync(reports, { recursive: true });
console.log(
  `${numPassedTests} passed, ${numFailedTests} failed${numPendingTests > 0 ? `, ${numPendingTests} skipped` : ''}`,
);
process.exit(status === 0 && numFailedTests === 0 && numPassedTests > 0 ? 0 : 1);
