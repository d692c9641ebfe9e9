// The packages of another clone of the same commit, made in another directory, by another umask and in another time
// zone.
import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { copy, output } from '../package/tree.mjs';
import { root as checkout } from '../set-up.mjs';

/** The directory for those of the clone's packages that differ, so that they can be examined. */
const DIFFERENT = join(checkout, 'build/different');

/** Makes the packages again, below `path`. Throws an Error with the names of the files that differ. */
export function compareWithClone(path, files) {
  const changed = output('git', ['status', '--porcelain']);
  if (changed !== '') throw new Error(`commit these changes first, since a clone does not have them:\n${changed}`);
  const clone = join(path, 'of/the/same/commit');
  output('git', ['clone', '--quiet', checkout, clone]);
  const env = { ...process.env, TZ: 'Asia/Kolkata', LC_ALL: 'C' };
  output('sh', ['-c', 'umask 077; npm run --silent package'], { cwd: clone, env });
  rmSync(DIFFERENT, { recursive: true, force: true });
  const names = files
    .map((file) => basename(file))
    .filter((name, i) => {
      const again = join(clone, 'release', name);
      if (readFileSync(again).equals(readFileSync(files[i]))) return false;
      copy(again, join(DIFFERENT, name));
      return true;
    });
  if (names.length > 0) throw new Error(`${names.join(', ')}: not the bytes of release/. Compare with '${DIFFERENT}'`);
  rmSync(path, { recursive: true });
}
