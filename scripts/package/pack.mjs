// Packs trees of files, so that the same files give the same bytes: whatever the directory, the file system, the user
// and the time.
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { output, settle } from './tree.mjs';

/**
 * Makes a compressed tar archive of a directory's entries. Files are in the order of their names, and owned by root.
 */
export function packArchive(directory, archive) {
  const names = readdirSync(directory).sort();
  for (const name of names) settle(join(directory, name));
  const metadata = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  // With several threads, xz divides its input into blocks whose number depends on the machine.
  const compression = '--use-compress-program=xz --threads=1 -6';
  output('tar', [...metadata, compression, '-cf', archive, '-C', directory, ...names]);
}

/** Makes a Debian package of a tree, which contains DEBIAN/. */
export function packDebian(tree, deb) {
  settle(tree);
  output('dpkg-deb', ['--build', '--root-owner-group', '-Zxz', '-z6', '--threads-max=1', tree, deb]);
}

/**
 * Returns the KiB of a tree for the field Installed-Size, as dpkg-gencontrol(1) counts them: the sizes of the files,
 * each rounded up, and 1 for everything else. The size of a directory differs between file systems.
 */
export function installedKilobytes(tree) {
  const stat = lstatSync(tree);
  if (stat.isFile()) return Math.ceil(stat.size / 1024);
  if (!stat.isDirectory()) return 1;
  return readdirSync(tree).reduce((sum, name) => sum + installedKilobytes(join(tree, name)), 1);
}
