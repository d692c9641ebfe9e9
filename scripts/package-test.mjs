// npm run package:test: takes the packages that `npm run package` makes and tries each way of installing them. Each way
// starts from a clean Debian 12 without compiler, Node and checkout: installs tsvde, runs README's first example, and
// removes tsvde again. Prints the size and the seconds of each way. `npm run package:test -- deb` tries only the ways
// whose names contain the word; with --made it tries what is in release/ already.
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { published } from './package/tree.mjs';
import { makeImage } from './package-test/clean-root.mjs';
import { ways } from './package-test/ways.mjs';
import { installPackages, PACKAGING } from './packages.mjs';
import { execute, root } from './set-up.mjs';
import { step } from './steps.mjs';

if (process.geteuid() !== 0) {
  console.error('npm run package:test needs root, for clean roots and their networks');
  process.exit(1);
}
const wanted = process.argv.slice(2).filter((word) => word !== '--made');
installPackages(PACKAGING);
const release = join(root, 'release');
if (!process.argv.includes('--made')) await step('package', () => execute(process.execPath, ['scripts/package.mjs']));
await step('a clean Debian 12', makeImage);
mkdirSync(join(root, 'build'), { recursive: true });
const place = mkdtempSync(join(root, 'build/package-test-'));
let [passed, failed] = [0, 0];
try {
  for (const way of ways(release, published.version)) {
    if (wanted.length > 0 && !wanted.some((word) => way.name.includes(word))) continue;
    await step(way.name, () => {
      try {
        const { seconds, files = [] } = way.try(join(place, 'root'));
        const size = files.reduce((sum, file) => sum + statSync(file).size, 0);
        console.log(`${way.name}: ${size > 0 ? `${(size / 1e6).toFixed(1)} MB, ` : ''}${seconds.toFixed(1)} s`);
        passed++;
      } catch (error) {
        console.error(`${way.name}: ${error.message}`);
        failed++;
      }
    });
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
