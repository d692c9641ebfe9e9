// The binaries of a platform's package: stripped, and checked for the version of glibc that they need.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../set-up.mjs';
import { copy, output } from './tree.mjs';

const BINARIES = ['tsvde.node', 'tsvde-slirp', 'tsvde-filter'];
/** The newest glibc that a binary may need: that of RHEL 9; Ubuntu 22.04 and Debian 12 have a newer one. */
const GLIBC_MAX = '2.34';
/** Libraries that every Node needs, too. */
const LIBRARIES = ['libc.so.6', 'libgcc_s.so.1', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'];

/** Copies the stripped binaries into a directory. Returns the oldest glibc with all symbol versions that they need. */
export function placeBinaries(directory) {
  const versions = BINARIES.map((name) => {
    const path = join(directory, name);
    copy(join(root, 'native/build/Release', name), path);
    output('strip', ['--strip-unneeded', path]);
    if (name.endsWith('.node')) chmodSync(path, 0o644); // a library
    return checkLibraries(path);
  });
  return versions.sort(byVersion).at(-1);
}

function checkLibraries(path) {
  const headers = output('objdump', ['-p', path]);
  const foreign = [...headers.matchAll(/NEEDED +(\S+)/g)].map(([, name]) => name).filter((n) => !LIBRARIES.includes(n));
  if (foreign.length > 0) throw new Error(`${path} needs ${foreign.join(', ')}`);
  const needed = [...headers.matchAll(/GLIBC_([\d.]+)/g)].map(([, version]) => version);
  const newest = needed.sort(byVersion).at(-1);
  if (byVersion(newest, GLIBC_MAX) > 0) throw new Error(`${path} needs glibc ${newest}, more than ${GLIBC_MAX}`);
  return newest;
}

function byVersion(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
