// The checks that run none of our code. Each resolves with whether it found no problem.
import { join } from 'node:path';
import { CXX_DIRECTORIES, cxxFiles, ENGINE_DIRECTORIES } from './compile-commands.mjs';
import { root, run } from './set-up.mjs';

/** The directories that clang-tidy checks: the code that runs in production, except the addon. */
const TIDY = [...ENGINE_DIRECTORIES, 'native/confine', 'native/slirp', 'native/filter'];

const bin = (name) => join(root, 'node_modules/.bin', name);
const succeeds = async (command, args) => (await run(command, args)) === 0;

/** Checks the types in the code for Node, and in the page's code, which uses a browser's types. */
export const types = async () =>
  (await succeeds(bin('tsc'), ['-p', 'test/tsconfig.json', '--noEmit'])) &&
  (await succeeds(bin('tsc'), ['-p', 'src/web/page/tsconfig.json']));

export const lintTypeScript = () => succeeds(bin('biome'), ['check', '--error-on-warnings', '.']);

export const formatCxx = () => succeeds('clang-format', ['--dry-run', '-Werror', ...cxxFiles(root, CXX_DIRECTORIES)]);

/**
 * The maximum number of states that the static analyzer, which clang-tidy runs by default, explores in a function. With
 * the analyzer's own maximum of 225,000, it takes more than half of clang-tidy's time.
 */
const ANALYZER = ['-Xclang', '-analyzer-config', '-Xclang', 'max-nodes=20000'];

/**
 * Runs clang-tidy on two halves of the files at once, one for each of two cores. clang-tidy takes minutes of CPU time,
 * and runs at the lowest priority so that it does not delay the tests that run beside it.
 */
export async function lintCxx() {
  const all = cxxFiles(root, TIDY, /\.cc$/);
  const halves = [0, 1].map((half) => all.filter((_, i) => i % 2 === half));
  const clean = await Promise.all(
    halves.map((half) =>
      succeeds('nice', ['-n', '19', 'clang-tidy', '--quiet', ...half, '--', '-std=c++20', '-Inative', ...ANALYZER]),
    ),
  );
  return clean.every(Boolean);
}
