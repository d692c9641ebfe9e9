// npm run mutate: changes the code of the pure rooms, one place at a time, and tells which changes no test notices.
// `npm run mutate -- --mutate src/qemu/plan.ts` tries one file, and with `:20-40` after it some of its lines.
import { availableParallelism } from 'node:os';

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: [
    'src/protocol/*.ts',
    'src/fstp/*.ts',
    'src/console/{execute,parse,reply}.ts',
    'src/qemu/{command-line,member,net-option,network,plan,user-options,vde-backend,wiring}.ts',
    'src/switch/{port-table,vlans}.ts',
    'src/backends/keys.ts',
    'src/backends/user/forward.ts',
  ],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: true },
  // Nothing is compiled: vitest leaves the types out. Stryker would rewrite the paths in a tsconfig.json that it finds.
  tsconfigFile: 'none.json',
  disableTypeChecks: false,
  coverageAnalysis: 'perTest',
  // A mutant of what runs when a module is loaded needs a process of its own for each try.
  ignoreStatic: true,
  // A later run reuses the results of code whose tests are in files that have not changed.
  incremental: true,
  incrementalFile: 'build/mutate/incremental.json',
  tempDirName: 'build/mutate/sandbox',
  ignorePatterns: ['bin', 'contrib', 'dist', 'docs', 'man', 'native'],
  concurrency: Math.max(1, availableParallelism() - 1),
  timeoutMS: 5000,
  reporters: ['progress', 'clear-text', 'html'],
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: 'build/mutate/report.html' },
  thresholds: { high: 95, low: 90, break: 85 },
};
