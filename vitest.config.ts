import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Whether this is `npm run check`, which sets the variable. */
const check = process.env.TSVDE_CHECK !== undefined;

/** Tests that `npm run check` leaves out, since it must take less than a minute. */
const TOO_LONG = [
  'backends/restart',
  'backends/user-leases',
  'cli/completion',
  'cli/events',
  'cli/failures',
  'cli/mistakes',
  'cli/tables',
  'console/mirror',
  'fstp/addresses',
  'fstp/random',
  'interop/protocol',
  'qemu/launch',
  'system/binaries',
  'web/routes',
].map((name) => `test/${name}.test.ts`);
const MEASURES_TIME = [
  'test/cli/capture-memory.test.ts',
  'test/metrics/greedy.test.ts',
  'test/plug/stream.test.ts',
  'test/switch/pace.test.ts',
  'test/web/page.test.ts',
];
const NEEDS_GUESTS = ['test/e2e/**'];

/**
 * If this matches every line of a test file, all tests of the file are in suites with needs (describeWith), since no
 * other call begins at the margin. `npm run check` skips such suites.
 */
const ONLY_SUITES_WITH_NEEDS =
  /^(import|export|const|let|function|async function|interface|type|class|describeWith\(|[\s})\]/*]|$)/;

/**
 * Returns the test files of which `npm run check` would skip every suite, so that there is no need to load them. Files
 * in doubt are not among them.
 */
function skippedFiles(): string[] {
  return readdirSync(join(import.meta.dirname, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('test', name))
    .filter((path) => path.endsWith('.test.ts'))
    .filter((path) =>
      readFileSync(join(import.meta.dirname, path), 'utf8')
        .split('\n')
        .every((line) => ONLY_SUITES_WITH_NEEDS.test(line)),
    );
}

/**
 * Files that `npm test` runs one at a time: they measure time or instructions, or need both cores for guests or
 * compilers.
 */
const ALONE = [...MEASURES_TIME, ...NEEDS_GUESTS, 'test/instructions.test.ts', 'test/readme.test.ts'];
const ALL = ['test/**/*.test.ts'];

/**
 * Files that `npm test` of root also runs as another user: programs that start or use a switch, with their own command
 * lines.
 */
const AS_ANOTHER_USER = [
  'cli/compat',
  'cli/drivers',
  'cli/handshakes',
  'interop/clients',
  'interop/names',
  'interop/protocol',
  'interop/tools',
].map((name) => `test/${name}.test.ts`);

/** Whether this is root, in a checkout that other users can read. */
function canBeAnotherUser(): boolean {
  const readable = (path: string): boolean =>
    (statSync(path).mode & 0o5) === 0o5 && (path === '/' || readable(dirname(path)));
  return process.geteuid?.() === 0 && readable(import.meta.dirname);
}

export default defineConfig({
  test: {
    globalSetup: ['scripts/global-setup.mjs'],
    // With processes, a crash of the addon is one file's failure, and no worker teardown is involved.
    pool: 'forks',
    // A process for each file costs half a second of CPU; `npm run check` uses the same three processes for all files.
    isolate: !check,
    // Three on two cores, since most tests wait for other programs most of the time.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 120_000,
    projects: check
      ? [project('check', { include: ALL, exclude: [...TOO_LONG, ...ALONE, ...skippedFiles()] })]
      : [
          project('together', { include: ALL, exclude: ALONE }),
          project('alone', { include: ALONE, fileParallelism: false }),
          ...(canBeAnotherUser()
            ? [
                project('another user', {
                  include: AS_ANOTHER_USER,
                  setupFiles: ['test/support/another-user.ts'],
                  env: { TSVDE_ANOTHER_USER: '1' },
                }),
              ]
            : []),
        ],
  },
});

function project(name: string, test: object) {
  return { extends: true as const, test: { name, ...test } };
}
