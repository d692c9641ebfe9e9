// The contents of files as hashes. Unlike times, they notice a file that was deleted or renamed, and one that an older
// file replaced.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the SHA-1 of each file by its path below `root`, sorted. Directories are read recursively, without hidden files. */
export function digests(root, paths) {
  const all = {};
  for (const path of paths.flatMap((path) => filesBelow(root, path)).sort())
    all[path] = digest(readFileSync(join(root, path)));
  return all;
}

export function digest(contents) {
  return createHash('sha1').update(contents).digest('hex');
}

/** Returns the paths of the files of a directory, or of one file; nothing if it does not exist. */
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
