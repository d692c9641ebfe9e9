// The Node that the archive and the Debian package contain. It comes from npm, as a package for one platform.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheOf } from '../build.mjs';
import { root } from '../set-up.mjs';
import { copy, output } from './tree.mjs';

/** The package with this version must have this SHA-512. To move to another version, change both. */
const NODE = {
  version: '24.22.3',
  sha512: {
    'linux-x64':
      '287b286fe16ff587ab013bd8ba331b8b226a9d10af2edadcaff79336a46a88e486a7dec43a244fd723f8efe9271a043fc677375d8f31ce45b9f3b76567336a44',
  },
};

export const nodeVersion = NODE.version;

/** Writes the stripped program and its licence. */
export function placeNode(program, licence) {
  const tree = join(fetchNode(NODE.version, NODE.sha512[`${process.platform}-${process.arch}`]), 'package');
  copy(join(tree, 'bin/node'), program);
  copy(join(tree, 'LICENSE'), licence);
  output('strip', [program]);
}

/**
 * Fetches a Node for this platform, unless that has been done before. `version` may be a major version. Returns the
 * directory of its package.
 */
export function fetchNode(version, sha512) {
  const directory = join(cacheOf(root), 'node-builds', version);
  const program = join(directory, 'package/bin/node');
  if (sha512 === undefined && existsSync(program)) return directory;
  mkdirSync(directory, { recursive: true });
  const name = `node-${process.platform}-${process.arch}`;
  const kept = readdirSync(directory).find((file) => file.endsWith('.tgz'));
  const tarball = join(
    directory,
    kept ?? output('npm', ['pack', '--silent', '--pack-destination', directory, `${name}@${version}`]).trim(),
  );
  if (sha512 !== undefined && createHash('sha512').update(readFileSync(tarball)).digest('hex') !== sha512)
    throw new Error(`${tarball} is not the file that scripts/package/node-build.mjs names: remove it`);
  if (!existsSync(program)) unpack(tarball, directory);
  return directory;
}

/** Unpacks a package of npm, whose files are all in package/. That directory exists only once it is complete. */
export function unpack(tarball, directory) {
  const fresh = join(directory, 'fresh');
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh);
  output('tar', ['-xzf', tarball, '-C', fresh]);
  renameSync(join(fresh, 'package'), join(directory, 'package'));
  rmSync(fresh, { recursive: true });
}
