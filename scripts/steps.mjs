// The steps of a script, each of which is announced and timed on stderr. One of them runs the tests in vitest.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from './set-up.mjs';

/** Runs a step. Ends the process if its result is false. */
export async function step(what, action) {
  const started = performance.now();
  console.error(`--- ${what}`);
  const result = await action();
  console.error(`    ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (result === false) {
    console.error(`${what}: failed`);
    process.exit(1);
  }
}

/** Runs steps, each `[what, action]`, and says which of how many each is. */
export async function runSteps(steps) {
  for (const [i, [what, action]] of steps.entries()) await step(`${i + 1} of ${steps.length}: ${what}`, action);
}

/**
 * Runs vitest, and prints the numbers of tests as the last line. Resolves with true if tests were run and none failed.
 */
export async function runTests(args, env = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'tsvde-report-'));
  try {
    const report = join(directory, 'vitest.json');
    const words = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args];
    const code = await run(join(root, 'node_modules/.bin/vitest'), words, {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    if (!existsSync(report)) return false; // the build failed, or vitest refused an option
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
    console.log(`${numPassedTests} passed, ${numFailedTests} failed${skipped}`);
    return code === 0 && numFailedTests === 0 && numPassedTests > 0;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
