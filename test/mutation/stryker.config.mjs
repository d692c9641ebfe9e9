// npm run mutate: changes the code of the pure rooms, one place at a time, and tells which changes no test notices.
// `npm run mutate -- --mutate src/qemu/plan.ts` tries one file, and with `:20-40` after its name only these lines.
import { availableParallelism } from 'node:os';

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: [
    'src/protocol/*.ts',
    'src/fstp/*.ts',
    'src/console/{execute,parse,reply}.ts',
    'src/qemu/{accelerators,command-line,config-file,line-options,member,memory-size,net-option,network,plan}.ts',
    'src/qemu/{shared-memory,user-options,vde-backend,vhost-nic,wiring}.ts',
    'src/switch/{endpoint-ids,port-table,vlans}.ts',
    'src/backends/keys.ts',
    'src/backends/user/forward.ts',
  ],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: true },
  // There is deliberately no file of this name: Stryker would rewrite the paths in a real file. Nothing is compiled, since
  // vitest drops the types.
  tsconfigFile: 'none.json',
  disableTypeChecks: false,
  coverageAnalysis: 'perTest',
  // Leaves out code that runs when a module is loaded: each of its mutants would need a process of its own.
  ignoreStatic: true,
  // A later run reuses the results for unchanged code whose tests are in unchanged files.
  incremental: true,
  incrementalFile: 'build/mutate/incremental.json',
  tempDirName: 'build/mutate/sandbox',
  // Some tests look up groups by the addon; nothing else of `native` is copied.
  ignorePatterns: ['bin', 'contrib', 'dist', 'docs', 'man', 'native/**', '!native/build/Release/tsvde.node'],
  concurrency: Math.max(1, availableParallelism() - 1),
  timeoutMS: 5000,
  reporters: ['progress', 'clear-text', 'html'],
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: 'build/mutate/report.html' },
  thresholds: { high: 95, low: 90, break: 85 },
};
