// Hashes the contents of files. Unlike modification times, hashes reveal that a file was deleted or renamed, or
// replaced by an older one.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Returns the SHA-1 of each file, by its path below `root`, sorted. Directories are read recursively; hidden files are
 * skipped.
 */
export function digests(root, paths) {
  const all = {};
  for (const path of paths.flatMap((path) => filesBelow(root, path)).sort())
    all[path] = digest(readFileSync(join(root, path)));
  return all;
}

export function digest(contents) {
  return createHash('sha1').update(contents).digest('hex');
}

/** Returns the paths of all files in a directory, or of a single file; nothing if it does not exist. */
export function filesBelow(root, path) {
  const found = statSync(join(root, path), { throwIfNoEntry: false });
  if (!found) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(join(root, path), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .flatMap((entry) => {
      const below = join(path, entry.name);
      return entry.isDirectory() ? filesBelow(root, below) : entry.isFile() ? [below] : [];
    });
}
