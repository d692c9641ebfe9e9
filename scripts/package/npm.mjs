// The npm packages: tsvde, which holds no binaries and no scripts, and the platform's package with the binaries.
import { join } from 'node:path';
import { root } from '../set-up.mjs';
import { placeBinaries } from './binaries.mjs';
import { copy, output, published, write } from './tree.mjs';

/**
 * npm's names for the system that this script runs on. The package for another system is made by running this script on
 * such a system.
 */
const platform = { os: process.platform, cpu: process.arch, libc: 'glibc' };
export const PLATFORM_PACKAGE = `@tsvde/${platform.os}-${platform.cpu}-gnu`;

/** The fields of package.json that both packages have. */
const COMMON = ['version', 'license', 'engines'];
const OWN = ['name', 'description', 'type', 'os', 'bin', 'man', 'exports', 'files', 'dependencies'];

export function makeNpmPackages(staging, release) {
  placePackage(join(staging, 'tsvde'));
  placePlatformPackage(join(staging, 'platform'));
  return ['tsvde', 'platform'].map((name) => {
    const tarball = output('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', release], {
      cwd: join(staging, name),
    }).trim();
    return join(release, tarball);
  });
}

/** Writes the files of the package tsvde, as npm installs it. */
export function placePackage(directory) {
  for (const name of [...published.files, 'README.md', 'LICENSE']) copy(join(root, name), join(directory, name));
  const manifest = { ...pick([...OWN, ...COMMON]), optionalDependencies: { [PLATFORM_PACKAGE]: published.version } };
  write(join(directory, 'package.json'), json(manifest));
}

/** Writes the files of the platform's package. */
export function placePlatformPackage(directory) {
  const glibc = placeBinaries(directory);
  copy(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  const { os, cpu, libc } = platform;
  const manifest = {
    name: PLATFORM_PACKAGE,
    description: `The binaries of tsvde for ${os} on ${cpu}. They need glibc ${glibc} or newer.`,
    ...pick(COMMON),
    os: [os],
    cpu: [cpu],
    libc: [libc],
    glibc,
  };
  write(join(directory, 'package.json'), json(manifest));
  write(join(directory, 'README.md'), `# ${PLATFORM_PACKAGE}\n\n${manifest.description} Install the package tsvde.\n`);
}

function pick(names) {
  return Object.fromEntries(names.map((name) => [name, published[name]]));
}

function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}
