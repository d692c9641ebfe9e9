// The archive: tsvde with everything that it needs, to be unpacked and run on a machine without Node.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../set-up.mjs';
import { completions, licences, placeBundle } from './bundle.mjs';
import { packArchive } from './pack.mjs';
import { copy, published, write } from './tree.mjs';

export function makeArchive(staging, release) {
  const name = `tsvde-${published.version}-${process.platform}-${process.arch}`;
  const tree = join(staging, name);
  // Its Node is found wherever the archive was unpacked. A launcher that is called as bin/NAME of the archive finds itself
  // without starting readlink. It does so without `..`, which the shell and Node would resolve in different ways if bin/
  // is called through a symbolic link.
  const findSelf =
    `self=\${0%/*}; self=\${self%/*}/lib/tsvde/bin/\${0##*/}; ` + `[ "$0" -ef "$self" ] || self=$(readlink -f "$0")`;
  placeBundle(join(tree, 'lib/tsvde'), (path) => `"\${self%/*}/${path}"`, findSelf);
  mkdirSync(join(tree, 'bin'));
  for (const program of Object.keys(published.bin))
    symlinkSync(`../lib/tsvde/bin/${program}`, join(tree, 'bin', program));
  for (const page of published.man) copy(join(root, page), join(tree, 'share/man/man1', page.replace(/.*\//, '')));
  for (const [text, path] of completions({ zsh: 'zsh/site-functions' })) write(join(tree, 'share', path), text);
  write(join(tree, 'LICENCES'), licences(join(tree, 'lib/tsvde')));
  copy(join(root, 'README.md'), join(tree, 'README.md'));
  const archive = join(release, `${name}.tar.xz`);
  packArchive(staging, archive);
  return [archive];
}
