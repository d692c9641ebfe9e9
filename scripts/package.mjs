// npm run package: makes what users install, in release/: the npm packages, the archive and the Debian package. The
// same commit gives the same bytes on the same Debian with the same Node. `npm run package -- npm` makes only the npm
// packages.
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { makeArchive } from './package/archive.mjs';
import { makeDebianPackage } from './package/debian.mjs';
import { makeNpmPackages } from './package/npm.mjs';
import { sourceDate } from './package/tree.mjs';
import { installPackages, PACKAGING } from './packages.mjs';
import { root, setUp } from './set-up.mjs';
import { step } from './steps.mjs';

const KINDS = { npm: makeNpmPackages, archive: makeArchive, deb: makeDebianPackage };
/** Trees of files that become packages. */
const staging = join(root, 'build/package');
const release = join(root, 'release');

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !Object.hasOwn(KINDS, name));
if (unknown !== undefined) {
  console.error(`there is no package '${unknown}': there are ${Object.keys(KINDS).join(', ')}`);
  process.exit(1);
}

installPackages(PACKAGING, 'steps');
await step('install and build', setUp);
rmSync(staging, { recursive: true, force: true });
mkdirSync(release, { recursive: true });
try {
  process.env.SOURCE_DATE_EPOCH = sourceDate();
  for (const [name, make] of Object.entries(KINDS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    await step(name, () => {
      const made = join(staging, 'made');
      mkdirSync(made, { recursive: true });
      for (const file of make(join(staging, name), made)) {
        const megabytes = (statSync(file).size / 1e6).toFixed(1);
        renameSync(file, join(release, basename(file)));
        console.log(`release/${basename(file)}  ${megabytes} MB`);
      }
    });
  }
} catch (error) {
  console.error(error.message);
  process.exit(1);
} finally {
  rmSync(staging, { recursive: true, force: true });
}
